#include "transformer/unicode.h"

bool sofa_unicode_is(uint32_t code, enum sofa_unicode_class of)
{
    const struct sofa_unicode_table *table = &sofa_unicode_tables[of];
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (code > table->range[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && code >= table->range[low].first;
}

bool sofa_unicode_is_space(uint32_t code)
{
    return (code >= 0x9 && code <= 0xD) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
           code == 0x3000;
}

uint32_t sofa_utf8_next(const unsigned char *text, size_t size, size_t *at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = text + *at;
    size_t n = *s < 0x80 ? 1 : *s < 0xC2 ? 0 : *s < 0xE0 ? 2 : *s < 0xF0 ? 3 : *s < 0xF5 ? 4 : 0;
    uint32_t code;

    if (n == 0 || n > size - *at)
        return UINT32_MAX;
    code = n == 1 ? *s : *s & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return UINT32_MAX;
        code = code << 6 | (s[i] & 0x3F);
    }
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return UINT32_MAX;
    *at += n;
    return code;
}
