"""Names and shortened words as they are read: places, Roman numerals, titles, acronyms."""

from __future__ import annotations

import re
from functools import lru_cache

from dubber.text.g2p import known
from dubber.text.numbers import (
    NAMED,
    Rule,
    cardinal,
    either,
    in_pairs,
    listed,
    one_by_one,
    ordinal,
    rule,
    spelled,
    table,
    year,
)

# Places

_STREETS = table(
    "St=street, Ave=avenue, Av=avenue, Rd=road, Blvd=boulevard, Dr=drive, Ln=lane, Ct=court, Pl=place, Sq=square, "
    "Hwy=highway, Pkwy=parkway, Ter=terrace, Cir=circle, Trl=trail, Expy=expressway, Fwy=freeway, Cres=crescent"
)
_DIRECTIONS = table("N=north, S=south, E=east, W=west, NE=northeast, NW=northwest, SE=southeast, SW=southwest")
_STATES = table(
    "AL=Alabama, AK=Alaska, AZ=Arizona, AR=Arkansas, CA=California, CO=Colorado, CT=Connecticut, DE=Delaware, "
    "FL=Florida, GA=Georgia, HI=Hawaii, ID=Idaho, IL=Illinois, IN=Indiana, IA=Iowa, KS=Kansas, KY=Kentucky, "
    "LA=Louisiana, ME=Maine, MD=Maryland, MA=Massachusetts, MI=Michigan, MN=Minnesota, MS=Mississippi, MO=Missouri, "
    "MT=Montana, NE=Nebraska, NV=Nevada, NH=New Hampshire, NJ=New Jersey, NM=New Mexico, NY=New York, "
    "NC=North Carolina, ND=North Dakota, OH=Ohio, OK=Oklahoma, OR=Oregon, PA=Pennsylvania, RI=Rhode Island, "
    "SC=South Carolina, SD=South Dakota, TN=Tennessee, TX=Texas, UT=Utah, VT=Vermont, VA=Virginia, WA=Washington, "
    "WV=West Virginia, WI=Wisconsin, WY=Wyoming"
)
_ANY_STREET = "|".join(
    (*_STREETS, *_STREETS.values(), *(name.capitalize() for name in _STREETS.values()), "Way", "Row", "Close", "Walk")
)
_NAME = r"(?:[A-Z][\w'’]*\.?|\d+(?:st|nd|rd|th))"


def _house(match: re.Match[str]) -> str:
    direction = f"{_DIRECTIONS[match['direction']]} " if match["direction"] else ""
    flat = f"{spelled(match['flat'])} " if match["flat"] else ""
    street = _STREETS.get(match["street"], match["street"])
    return f" {in_pairs(match['house'])} {flat}{direction}{match['name']} {street} "


PLACES: tuple[Rule, ...] = (
    rule(
        r"(?<![\w.,$£€/-])(?P<house>\d{1,5})(?P<flat>[A-Z])?\s(?:(?P<direction>[NS][EW]|[NSEW])\.?\s)?"
        rf"(?P<name>{_NAME}(?:\s{_NAME}){{0,2}}?)\s(?P<street>{_ANY_STREET})\b(?:\.(?!\s+[A-Z])|\.(?=\s\d))?",
        _house,
    ),
    rule(
        r"(?<=\w),?\s(?P<state>[A-Z]{2}),?\s(?P<zip>\d{5})(?:-(?P<more>\d{4}))?\b",
        lambda m: (
            f", {_STATES[m['state']]}, {one_by_one(m['zip'])} {one_by_one(m['more'] or '')} "
            if m["state"] in _STATES
            else m[0]
        ),
    ),
    rule(
        r"\b((?i:room|suite|ste\.?|flight|highway|route|interstate|apartment|apt\.?|unit|box|bus|channel|gate|area))\s"
        r"#?(\d{3,4})\b(?!\.\d)",
        lambda m: f"{m[1]} {in_pairs(m[2])} ",
    ),
)


# Roman numerals

_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_PARTS = (
    "chapter|part|act|scene|book|volume|vol\\.|section|article|phase|type|stage|level|grade|class|title|appendix|"
    "table|figure|fig\\.|war|bowl|rocky|episode|round|group|category|schedule|canto|apollo|mark|unit|lesson|step"
)
_CROWNED = frozenset(
    listed(
        "henry louis charles elizabeth george edward william james richard mary philip john paul pius benedict leo "
        "gregory clement innocent urban alexander nicholas catherine peter frederick ivan ramses ramesses ptolemy "
        "xerxes darius cyrus otto constantine victoria francis ferdinand carl gustav harald haakon olav olaf felipe "
        "juan wilhelm franz leopold albert umberto emmanuel rama mehmed murad selim theodore napoleon robert david "
        "malcolm alfonso pedro manuel christian margaret margrethe anne julius sixtus boniface celestine stephen"
    )
)
_ROYAL = frozenset(listed("king queen pope emperor empress tsar czar prince princess duke saint sir lord mr dr"))


def _value(numeral: str) -> int:
    """0 where the letters are not a numeral."""
    digits = [_ROMAN_DIGITS[letter] for letter in numeral.upper()] if _ROMAN.fullmatch(numeral.upper()) else []
    return sum(-n if i + 1 < len(digits) and n < digits[i + 1] else n for i, n in enumerate(digits))


def _part(match: re.Match[str]) -> str:
    value = _value(match[2])
    return f"{match[1]} {cardinal(str(value))}" if value else match[0]


def _after_name(match: re.Match[str]) -> str:
    """`Henry VIII` is the eighth, `Final Fantasy VII` seven."""
    value = _value(match["numeral"])
    names = match["names"].lower().split()
    if not value:
        return match[0]
    is_person = bool(_CROWNED.intersection(names) or _ROYAL.intersection(names)) and names[-1] != "war"
    if is_person:
        return f"{match['names']} the {ordinal(str(value))}{match['owner'] or ''}"
    digits = str(value)
    return f"{match['names']} {year(digits) if value > 1000 else cardinal(digits)}{match['owner'] or ''}"


ROMAN_NUMERALS: tuple[Rule, ...] = (
    rule(r"\b(World War)\s(I{1,3})\b", _part),
    rule(rf"\b((?i:{_PARTS}))\s([IVXLCDM]{{2,}}|[VX]|[ivxl]{{2,}})\b(?!')", _part),
    rule(rf"\b({_PARTS.title()})\s(I)(?=\s*(?:[^\w\s]|$|and\b|to\b|of\b))(?!')", _part),
    rule(r"\b((?:Type|Phase|Stage|Class|Grade|Level|Mark)|type(?=\sI\s(?:error|diabetes)))\s(I)\b(?!')", _part),
    rule(
        r"(?P<names>\b[A-Z][\w'.]*[a-z.](?:\s[A-Z][\w'.]*[a-z.])*)\s(?P<numeral>[IVX]{2,}|L[IVX]{2,}|XL[IVX]+|[MDCLXVI]{4,}|[VX](?=[,.;]|$))"
        r"(?P<owner>'s)?(?![\w'-])",
        _after_name,
    ),
    rule(
        r"\b((?:King|Queen|Pope|Emperor|Tsar|Czar)\s[A-Z][a-z]+|Elizabeth|Victoria)\s([IVX])\b(?!')",
        lambda m: f"{m[1]} the {ordinal(str(_value(m[2])))}",
    ),
    rule(
        r"\b([IVX]{2,}|[VX])(?:th|st|nd|rd)?\s(?=(?i:century|centuries|dynasty|congress|olympiad|legion)\b)",
        lambda m: f"{ordinal(str(_value(m[1])))} " if _value(m[1]) else m[0],
    ),
    rule(r"(?<![\w'.-])([IVX]{2,})(?![\w'-]|\.\w)", lambda m: cardinal(str(_value(m[1]))) if _value(m[1]) else m[0]),
)


# Abbreviations

_ANYWHERE = table(
    "mr=mister, mrs=missus, dr=doctor, prof=professor, jr=junior, sr=senior, vs=versus, etc=et cetera, ok=okay"
)
_BEFORE_NAMES = table(
    "Gen=general, Col=colonel, Capt=captain, Lt=lieutenant, Sgt=sergeant, Maj=major, Cpl=corporal, Pvt=private, "
    "Adm=admiral, Cmdr=commander, Cdr=commander, Gov=governor, Sen=senator, Rep=representative, Pres=president, "
    "Rev=reverend, Hon=honorable, Fr=father, Msgr=monsignor, Supt=superintendent, Insp=inspector, Det=detective, "
    "Atty=attorney, Amb=ambassador, Mt=mount, Ft=fort, Pt=point, Mme=madame, Mlle=mademoiselle, Messrs=messieurs, "
    "Br=brother, Sgts=sergeants, Mts=mountains"
)
_BEFORE_NUMBERS = table(
    "no=number, nos=numbers, p=page, pp=pages, pg=page, vol=volume, vols=volumes, ch=chapter, chap=chapter, "
    "fig=figure, figs=figures, sec=section, eq=equation, ext=extension, art=article, para=paragraph, apt=apartment, "
    "ste=suite, fl=floor, rm=room, c=circa, ca=circa, cf=compare, bk=book, bldg=building, pt=part, ver=version, "
    "v=verse, max=maximum, min=minimum"
)
_WITH_DOT = table(
    "inc=incorporated, ltd=limited, corp=corporation, bros=brothers, assn=association, assoc=associates, "
    "dept=department, govt=government, univ=university, approx=approximately, est=established, ave=avenue, "
    "blvd=boulevard, rd=road, hwy=highway, pkwy=parkway, sq=square, avg=average, misc=miscellaneous, tel=telephone, "
    "ext=extension, vol=volume, fig=figure, apt=apartment, ca=circa, viz=namely, esq=esquire, intl=international, "
    "natl=national, incl=including, excl=excluding, esp=especially, hrs=hours, mins=minutes, secs=seconds, yrs=years, "
    "lbs=pounds, asst=assistant, mfg=manufacturing, mgr=manager, ste=suite, bldg=building"
)
_SLASHED = table("w/o=without, w/=with, c/o=care of, b/c=because, n/a=not applicable, a/c=account")
_SAINTS = (
    "James|John|Louis|Paul|Peter|Mary|Patrick|George|Andrew|Francis|Joseph|Thomas|Nicholas|Helens?|Michael|Anthony|"
    "Augustine|Bernard|Catherine|Charles|Clair|Croix|David|Elmo|Johns|Jude|Kitts|Lawrence|Lucia|Luke|Mark|Martin|"
    "Matthew|Moritz|Petersburg|Pancras|Regis|Stephen|Teresa|Tropez|Valentine|Vincent|Vitus"
)
_CAPITAL = r"(?=\s+[^\W\d_a-z])"


def _street(match: re.Match[str]) -> str:
    return _STREETS[(match[1] or match[2]).capitalize()]


REFERENCES: tuple[Rule, ...] = (
    rule(r"№\s?(?=\d)|(?<![\w&])#\s?(?=\d)|\bNo\s(?=\d+\b(?!\s[a-z]))", lambda m: " number "),
    rule(r"§§?\s?(?=\d)", lambda m: " section "),
    rule(rf"(?i:\b({either(_BEFORE_NUMBERS)})\.\s?)(?=#?\d)", lambda m: f" {_BEFORE_NUMBERS[m[1].lower()]} "),
)

ABBREVIATIONS: tuple[Rule, ...] = (
    rule(r"(?i:\bi\.\s?e\.)", lambda m: " that is "),
    rule(r"(?i:\be\.\s?g\.)", lambda m: " for example "),
    rule(r"\bPh\.?\s?D\b\.?", lambda m: spelled("phd")),
    rule(rf"(?i:(?<![\w/])({either(_SLASHED)}))(?![A-Z]\b)", lambda m: f" {_SLASHED[m[1].lower()]} "),
    rule(rf"\b({either(_BEFORE_NAMES)})\.{_CAPITAL}", lambda m: _BEFORE_NAMES[m[1]]),
    rule(r"\b([NSEW])\.\s(?=\d+(?:st|nd|rd|th)\b)", lambda m: f"{_DIRECTIONS[m[1]]} "),
    rule(r"(?<=[a-z]),\s([A-Z]{2})(?=[.,;:!?)]|\s?$)", lambda m: f", {_STATES.get(m[1], m[1])}"),
    rule(rf"\bSt\.?(?=\s(?:{_SAINTS})\b)", lambda m: "saint"),
    rule(r"(?<=[a-z]\s)(St|Dr|Ct|Pl|Ln|Av)\.(?!\s[A-Z])|(?<=\d(?:st|nd|rd|th)\s)([Ss]t|Av)\b\.?", _street),
    rule(r"\bSt\.(?=\s?[A-Z])", lambda m: "saint "),
    rule(r"(?<=[&d]\s)[Cc]o\.(?!\w)|(?<=[a-z]\s)Co\.(?!\w)", lambda m: "company"),
    rule(r"(?<=[A-Za-z]\s)v\.(?=\s[A-Z])", lambda m: "versus"),
    rule(rf"(?i:(?<![\w.])({either(_WITH_DOT)})\.)(?!\w)", lambda m: f"{_WITH_DOT[m[1].lower()]} "),
    rule(rf"(?i:\b({either(_ANYWHERE)})\b\.?)(?!\.\w)", lambda m: _ANYWHERE[m[1].lower()]),
    rule(r"(?i:(?<=\w)\s'?n'?\s(?=roll\b)|\s'n'\s)", lambda m: " and "),
    rule(r"\b(?:[^\W\d_]\.)+[^\W\d_]\b(?!\.?\w)\.?", lambda m: f"{spelled(m[0])} "),
    rule(r"\b(?:[^\W\d_]\.\s?){2,}(?<=\.)|\b[A-Z]\.(?=\s[A-Z])", lambda m: f"{spelled(m[0])} "),
    rule(r"(?<=[A-Za-z])/(?=[A-Za-z])", lambda m: " "),
    rule(r"\b([A-Z]{1,3})\s?&\s?([A-Z])\b", lambda m: f"{spelled(m[1])} and {spelled(m[2])}"),
    rule(r"\b([A-Z])&([A-Z])s\b", lambda m: f"{spelled(m[1])} and {m[2].lower()}'s"),
)


# Acronyms, and letters beside digits

_SHORT_WORDS = frozenset(
    listed("ah am an as at be by do go ha he hi if in is it me my no of oh ok on or ow so to up we ye yo dr mr ms st")
)
_SPELLED = frozenset(listed("sos asap eta est pst cst mst edt pdt gmt utc faq diy gps sms"))
_SPELLED_IN_SMALL = frozenset(
    listed("fbi usa uk cia ceo cfo ufo iq dna hiv ibm api usb url vip eu epa nba irs atm abc")
)
_NOT_SPELLED = frozenset(listed("th ls ss ts ws ph scs vs hmm hm mm mhm shh psst pst brr pfft tsk zzz grr nth baa ach"))
_VOWEL = re.compile("[aeiouy]")
_SYLLABLES = re.compile("(?:[^aeiouy]{0,2}[aeiouy]{1,2})+[^aeiouy]{0,2}")


@lru_cache(maxsize=4096)
def is_spelled(word: str) -> bool:
    """Whether a word, in its case, is read letter by letter: `FBI`, `bbc`, but not `NASA`."""
    small = word.lower()
    if small in _NOT_SPELLED:
        return False
    phones = known(small)
    by_letters = phones == tuple(phone for c in small for phone in (("EY",) if c == "a" else known(c)))
    if not word.isupper():
        return small in _SPELLED_IN_SMALL or (not _VOWEL.search(small) and (by_letters or not phones))
    if len(word) == 2:
        return small not in _SHORT_WORDS
    if phones and not by_letters:
        return small in _SPELLED
    return by_letters or len(word) == 3 or not _SYLLABLES.fullmatch(small)


def _acronym(match: re.Match[str]) -> str:
    word, owner = match[1], match[2]
    if not owner and word[-1] == "s" and word[:-1].isupper() and len(word) > 2:
        word, owner = word[:-1], "'s"
    if not word.isascii() or not is_spelled(word):
        return match[0]
    if not owner:
        return spelled(word)
    return f"{spelled(word[:-1])} {word[-1].lower()}'s"


def _letters_and_digits(match: re.Match[str]) -> str:
    """`B52`, `3D`, `covid19`: numbers as names, few letters by their names."""
    spoken = []
    for part in re.findall(r"[A-Za-z]+|\d+", match[0]):
        if part.isdecimal():
            spoken.append(in_pairs(part) if len(part) in (3, 4) else cardinal(part))
        elif len(part) == 1 or (part.isupper() and len(part) < 4) or not _VOWEL.search(part.lower()):
            spoken.append(spelled(part))
        else:
            spoken.append(part)
    return f" {' '.join(spoken)} "


ALPHANUMERICS: tuple[Rule, ...] = (
    rule(
        r"(?<![\w.])(?!\d+(?:st|nd|rd|th|s|ST|ND|RD|TH|bn|mn|tn|M)\b)(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z\d]+(?!\w)",
        _letters_and_digits,
    ),
)

ACRONYMS: tuple[Rule, ...] = (
    rule(r"(?<=[Tt]he )WHO\b|(?<=\bin )IT\b|(?<=\ban )IT\b", lambda m: spelled(m[0])),
    rule(
        r"\bIT(?=\s(?:department|support|manager|team|industry|systems?|services?|sector|staff|company|security|jobs?)\b)",
        lambda m: spelled(m[0]),
    ),
    rule(rf"(?<![^\W_])(?<!\w')([A-Za-z]{{2,6}})('s)?(?![^\W_]|'\w|{NAMED})", _acronym),
)
