"""Rule `fetch`: download a group of assets; unpack archives under the data root."""

from pathlib import Path

from dubber import assets, entry, fetch

DOWNLOADS = Path("downloads")


def main() -> None:
    args = entry.arguments(__doc__, "group", "data-root")
    for asset in assets.group(args.group):
        path = fetch.fetch(asset, DOWNLOADS)
        if asset.is_archive:
            fetch.unpack(path, Path(args.data_root) / asset.target)


if __name__ == "__main__":
    entry.run(main)
