"""Money, measures, fractions, powers and signs in words."""

from __future__ import annotations

import re

from dubber.text.numbers import (
    AMOUNT,
    DECIMAL,
    FRACTION,
    NAMED,
    PLAIN,
    Rule,
    amount,
    before,
    cardinal,
    either,
    in_pairs,
    is_one,
    month_and_day,
    plural,
    rule,
    spelled,
    table,
)

_SCALES = table(
    "k=thousand, thousand=thousand, m=million, mn=million, mm=million, mil=million, million=million, b=billion, "
    "bn=billion, billion=billion, t=trillion, tn=trillion, trillion=trillion, hundred=hundred"
)
_SCALE = r"(?P<scale>(?i:[kmbt]|mn|mm|mil|bn|tn)\b|\s?(?i:hundred|thousand|million|billion|trillion|bn|mn|tn)\b)"
_ADJECTIVE_BEFORE = re.compile(r"\b(?:an?|another|every|one)\s-?$", re.IGNORECASE)
_NO_NOUN = "and|or|for|a|an|the|per|from|to|in|on|at|of|if|is|was|each|every|more|less|than|as|but|by|with|that|which"
_NOUN_AFTER = re.compile(rf"[-\s](?!(?:{_NO_NOUN})\b)[a-z]")


def _is_adjective(match: re.Match[str]) -> bool:
    """Whether a measure belongs to a noun and is in the singular: a $5 bill, a 10 km run."""
    return bool(_NOUN_AFTER.match(match.string, match.end()) and _ADJECTIVE_BEFORE.search(before(match)))


# Money

_CURRENCIES = table(
    "$=dollar, £=pound, €=euro, ¥=yen, ₹=rupee, ₩=won, ₽=ruble, ₺=lira, ₪=shekel, ₿=bitcoin, USD=u s dollar, "
    "EUR=euro, GBP=pound, JPY=yen, CHF=swiss franc, CAD=canadian dollar, AUD=australian dollar, INR=indian rupee, "
    "CNY=yuan, RMB=yuan"
)
_CENTS = table("dollar=cent, euro=cent, pound=pence, rupee=paise, ruble=kopeck")
_COUNTRIES = table(
    "US=u s, A=australian, AU=australian, C=canadian, CA=canadian, NZ=new zealand, HK=hong kong, S=singapore"
)
_SAME = frozenset(("yen", "won", "yuan", "pence", "paise"))  # in singular and plural
_SIGN = "[$£€¥₹₩₽₺₪₿]"
_CODE = "USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|CNY|RMB"


def _several(word: str, several: bool) -> str:
    return plural(word) if several and word not in _SAME else word


def _money(match: re.Match[str]) -> str:
    named = match.groupdict()
    number, scale, until = named["number"], (named["scale"] or "").strip().lower(), named.get("until")
    unit = f"{_COUNTRIES.get(named.get('country') or '', '')} {_CURRENCIES[named['unit']]}".strip()
    whole, _, decimals = number.replace(",", "").partition(".")
    minus = "minus " if named.get("minus") else ""
    cent = _CENTS.get(unit.split()[-1])
    if cent and len(decimals) == 2 and not scale and not until:
        return f" {minus}{_with_cents(whole or '0', decimals, unit, cent)} "
    number, until = number.removesuffix(".00"), until and until.removesuffix(".00")
    spoken = amount(number) + (f" to {amount(until)}" if until else "") + (f" {_SCALES[scale]}" if scale else "")
    one = (number == "1" and not scale and not until) or _is_adjective(match)
    return f" {minus}{spoken} {_several(unit, not one)} "


def _with_cents(whole: str, decimals: str, unit: str, cent: str) -> str:
    """`3.50` is three dollars fifty, `0.99` ninety nine cents."""
    cents = cardinal(str(int(decimals)))
    if int(whole) == 0:
        return f"{cents} {_several(cent, int(decimals) != 1)}"
    spoken = f"{cardinal(whole)} {_several(unit, int(whole) != 1)}"
    return f"{spoken} {cents}" if int(decimals) else spoken


_PREFIX = rf"(?P<minus>(?<![\w.,)])[-−])?(?:\b(?P<country>US|AU?|CA?|NZ|HK|S))?(?P<unit>{_SIGN})\s?(?P<number>"
_ROUND = rf"{PLAIN}(?:\.\d(?!\d)|\.00)?"

MONEY: tuple[Rule, ...] = (
    rule(rf"{_PREFIX}{_ROUND})\sto\s{_SIGN}?(?P<until>{_ROUND})(?!\.?\d){_SCALE}?", _money),
    rule(rf"{_PREFIX}{DECIMAL}){_SCALE}?", _money),
    rule(rf"(?P<number>{DECIMAL}){_SCALE}?\s?(?P<unit>{_SIGN}|(?:{_CODE})\b)", _money),
    rule(rf"\b(?P<unit>{_CODE})\s?(?P<number>{DECIMAL}){_SCALE}?", _money),
    rule(r"\b(\d+)\s?¢", lambda m: f" {cardinal(m[1])} {_several('cent', m[1] != '1')} "),
    rule(r"(?<![\w.,/:])(\d{1,2})p\b", lambda m: f" {cardinal(m[1])} {'penny' if m[1] == '1' else 'pence'} "),
    rule(r"(?<=\d)/\s?(kg|lb|hr|h|d|day|week|month|year)\b\.?", lambda m: f" per {_unit(m[1], False)} "),
    rule(r"(?<=[a-z]\s)/\s?([a-z]+)\b\.?", lambda m: f" per {_unit(m[1], False)} "),
)


# Measures

_PREFIXES = table("k=kilo, M=mega, G=giga, T=tera, m=milli, µ=micro, μ=micro, n=nano, c=centi, h=hecto, d=deci")
_PREFIXED = {
    "meter": "m km cm mm µm μm nm dm", "gram": "g kg mg µg μg", "liter": "L l mL ml cL cl dL dl µL μL",
    "second": "s ms µs μs ns", "hertz": "Hz kHz MHz GHz THz", "watt": "W kW MW GW mW", "volt": "V kV mV MV",
    "amp": "mA µA μA kA", "joule": "kJ MJ", "watt hour": "Wh kWh MWh GWh", "amp hour": "Ah mAh",
    "byte": "kB MB GB TB", "bit": "kb Mb Gb", "bit per second": "bps kbps Mbps Gbps",
    "pascal": "Pa hPa kPa MPa", "calorie": "cal kcal", "ohm": "Ω kΩ MΩ", "ton": "t kt", "newton": "kN",
    "mole": "mol mmol", "electron volt": "eV keV MeV GeV",
}  # fmt: skip
_OTHERS = table(
    "ft=foot, in=inch, yd=yard, yds=yard, mi=mile, lb=pound, lbs=pound, oz=ounce, fl oz=fluid ounce, gal=gallon, "
    "gals=gallon, qt=quart, pt=pint, tbsp=tablespoon, Tbsp=tablespoon, tsp=teaspoon, cc=c c, ha=hectare, sec=second, "
    "secs=second, min=minute, mins=minute, h=hour, hr=hour, hrs=hour, wk=week, wks=week, mo=month, mos=month, "
    "yr=year, yrs=year, mph=mile per hour, MPH=mile per hour, kph=kilometer per hour, kmh=kilometer per hour, "
    "mpg=mile per gallon, psi=pound per square inch, dpi=dot per inch, rpm=revolution per minute, RPM=revolution per "
    "minute, bpm=beat per minute, fps=frame per second, dB=decibel, px=pixel, °C=degree celsius, °F=degree "
    "fahrenheit, °=degree, %=percent, ‰=per mille, KB=kilobyte, Kg=kilogram, KG=kilogram, KM=kilometer, Km=kilometer, "
    "mcg=microgram, hp=horsepower, kn=knot, MP=megapixel, gb=gigabyte, mb=megabyte, khz=kilohertz, mhz=megahertz, "
    "mbps=megabit per second, gbps=gigabit per second"
)
_PLURALS = table("foot=feet, inch=inches") | {word: word for word in ("percent", "c c", "per mille", "horsepower")}
_BARE = frozenset(
    ("m", "g", "L", "l", "s", "Hz", "W", "V", "A", "J", "Wh", "Ah", "bps", "Pa", "cal", "Ω", "t", "N", "mol", "eV")
)
_ATTACHED = frozenset(("t", "in", "pt", "mo", "px", "kt"))  # words or letters where a space parts them
_PARTED = frozenset(("s",))  # 30s are thirties


def _units() -> dict[str, str]:
    prefixed = {
        symbol: name if symbol in _BARE else f"{_PREFIXES[symbol[0]]}{name}"
        for name, symbols in _PREFIXED.items()
        for symbol in symbols.split()
    }
    return prefixed | _OTHERS


UNITS = _units()
_PER = {"d": "day"}
_ANY = either(UNITS)
_NEAR = either(set(UNITS) - _PARTED)
_FAR = either(set(UNITS) - _ATTACHED)
_END = r"(?![\w°])"
_MEASURE = (
    rf"(?P<minus>(?<![\w.,)])[-−])?(?P<number>{AMOUNT})(?P<scale>\s(?:hundred|thousand|million|billion|trillion))?"
    rf"(?:[\s-]?(?P<area>sq|cu)\.?\s(?P<sized>ft|in|mi|yd|m|km|cm)|(?P<gap>[\s-]|\s-)(?P<far>{_FAR}|in(?=\.))"
    rf"|(?P<near>{_NEAR})){_END}\^?(?P<power>[23]\b)?"
    rf"(?:\s?/\s?(?P<per>{_ANY}|[a-z]{{2,}})\b\^?(?P<per_power>[23]\b)?)?(?:(?<=[a-z])\.(?!\s+[A-Z]|\w))?"
)


def _unit(symbol: str, several: bool) -> str:
    counted, _, rest = UNITS.get(symbol, _PER.get(symbol, symbol)).partition(" per ")
    noun, _, kind = counted.partition(" ") if counted.startswith("degree") else (counted, "", "")
    if several:
        noun = _PLURALS.get(noun) or (noun if noun.endswith("hertz") else plural(noun))
    return " ".join(filter(None, (noun, kind))) + (f" per {rest}" if rest else "")


def _measure(match: re.Match[str]) -> str:
    one = is_one(match["number"]) and not match["scale"]
    several = not one and not (match["gap"] or "").endswith("-") and not _is_adjective(match)
    power = {"sq": "2", "cu": "3"}.get(match["area"]) or match["power"]
    spoken = {"2": "square ", "3": "cubic "}.get(power or "", "")
    spoken += _unit(match["sized"] or match["far"] or match["near"], several)
    if match["per"]:
        spoken += f" per {_unit(match['per'], False)}"
        spoken += {"2": " squared", "3": " cubed"}.get(match["per_power"] or "", "")
    return f" {'minus ' if match['minus'] else ''}{amount(match['number'])}{match['scale'] or ''} {spoken} "


def _feet_and_inches(match: re.Match[str]) -> str:
    feet = f"{cardinal(match[1])} {'foot' if match[1] == '1' else 'feet'}"
    return f" {feet} {amount(match[2])} {'inch' if match[2] == '1' else 'inches'} "


def _inches(match: re.Match[str]) -> str:
    """`5"` is five inches, unless the sign closes a quotation."""
    if match.string.count('"', 0, match.start()) % 2:
        return match[0]
    return f" {amount(match[1])} {'inch' if is_one(match[1]) or _is_adjective(match) else 'inches'} "


def _angle(match: re.Match[str]) -> str:
    parts = zip(match.groups(), ("degree", "minute", "second"), strict=True)
    return " " + " ".join(f"{amount(part)} {_several(name, part != '1')}" for part, name in parts if part) + " "


MEASURES: tuple[Rule, ...] = (
    rule(r"(\d+)°\s?(\d+)['′](?:\s?(\d+(?:\.\d+)?)(?:[\"″]|''))?", _angle),
    rule(r"(?<![\w.])(\d{1,2})['′]\s?(\d{1,2}(?:\.\d+)?)(?:[\"″]|'')", _feet_and_inches),
    rule(rf"({AMOUNT})[\"″]", _inches),
    rule(_MEASURE, _measure),
    rule(r"°\s?C\b", lambda m: " degrees celsius "),
    rule(r"°\s?F\b", lambda m: " degrees fahrenheit "),
    rule(r"°", lambda m: " degrees "),
    rule(r"(?<=\d)\s?%", lambda m: " percent "),
)


# Signs, powers and fractions

_POWERS = {"2": "squared", "3": "cubed"}


def _power(match: re.Match[str]) -> str:
    if match[1] in _POWERS:
        return f" {_POWERS[match[1]]} "
    return f" to the power of {'minus ' if match[1][0] in '-−' else ''}{cardinal(match[1].lstrip('-−+'))} "


def _fraction(match: re.Match[str]) -> str:
    """A date after `on`, a fraction otherwise."""
    dated = re.search(r"\b(?:on|until|since)\s$", before(match), re.IGNORECASE)
    month, _, day = match[0].partition("/")
    if dated and " " not in month and 1 <= int(month) <= 12 < int(day) <= 31:
        return month_and_day(month, day)
    return f" {amount(match[0].rstrip('stndrhSTNDRH'))} "


def _by(match: re.Match[str]) -> str:
    return f" {_side(match[1])} by {_side(match[2])} "


def _side(number: str) -> str:
    return in_pairs(number) if number.isdecimal() and len(number) > 2 else amount(number)


SIGNS: tuple[Rule, ...] = (
    rule(r"√\s?(?=[\w(])", lambda m: " square root of "),
    rule(r"±\s?(?=[\d.])", lambda m: " plus or minus "),
    rule(r"[~≈]\s?(?=[$£€]?[\d.])", lambda m: " about "),
    rule(rf"({AMOUNT})\s?[x×]\s?({AMOUNT})(?=\s?(?:[x×]|$|[^\w^ ]|\s(?!=)))(?!\s?\^|\s?=)", _by),
    rule(r"(?<=\d)\s?[x×](?=\s+[a-z])", lambda m: " times "),
    rule(r"\s?×\s?|(?<=[\d)])\s?\*\s?(?=[\d(])", lambda m: " times "),
    rule(r"\s?÷\s?", lambda m: " divided by "),
    rule(r"\s?[≤⩽]\s?|(?<=[\w)])\s?<=\s?", lambda m: " less than or equal to "),
    rule(r"\s?[≥⩾]\s?|(?<=[\w)])\s?>=\s?", lambda m: " greater than or equal to "),
    rule(r"\s?≠\s?|(?<=[\w)])\s?!=\s?", lambda m: " not equal to "),
    rule(r"(?<=\w)\s?<\s?(?=[\d-]|\w\b)", lambda m: " less than "),
    rule(r"(?<=\w)\s?>\s?(?=[\d-]|\w\b)", lambda m: " greater than "),
    rule(r"\b([A-Za-z]{2,3})(?=\s?\^)", lambda m: spelled(m[1])),
    rule(rf"(?<=[\w){NAMED}])\s?\^\s?\(?([-−+]?\d+)\)?", _power),
    rule(rf"(?<![\w/]){FRACTION}(?:st|nd|rd|th|ST|ND|RD|TH)?\b", _fraction),
)
