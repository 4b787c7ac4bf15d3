#!/usr/bin/env python3
"""Writes src/transformer/unicode_tables.c from Python's own tables of Unicode: unicode_tables.py >FILE"""
import unicodedata

CLASSES = (
    ("letters", lambda c: unicodedata.category(c)[0] == "L"),
    ("numbers", lambda c: unicodedata.category(c)[0] == "N"),
    ("punctuation", lambda c: unicodedata.category(c)[0] == "P"),
    ("controls", lambda c: unicodedata.category(c) in ("Cc", "Cf", "Co")),
    ("folded", lambda c: c.lower() != c or unicodedata.normalize("NFD", c) != c or unicodedata.category(c) == "Mn"),
)


def ranges(test):
    found = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not test(chr(code)):
            continue
        if found and code - found[-1][1] == 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


print(f"/* Made by tools/unicode_tables.py from Unicode {unicodedata.unidata_version}. */")
print('#include "transformer/unicode.h"\n')
print("#define COUNT(table) (sizeof(table) / sizeof *(table))\n")
for name, test in CLASSES:
    print(f"static const struct sofa_unicode_range {name}[] = {{")
    line = "   "
    for first, last in ranges(test):
        item = f" {{0x{first:x}, 0x{last:x}}},"
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")
print("\nconst struct sofa_unicode_table sofa_unicode_tables[SOFA_UNICODE_CLASSES] = {")
for name, _ in CLASSES:
    print(f"    {{{name}, COUNT({name})}},")
print("};")
