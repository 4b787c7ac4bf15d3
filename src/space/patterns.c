#include "space/patterns.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "acsr/acsr.h"
#include "base/str.h"

#define NARROWEST_BITS 4 /* of khat_bits and q_bits */

const char *const sofa_pattern_none_names[] = {"none", "SPEC", "SPEC/topk", NULL};

void sofa_patterns_init(struct sofa_patterns *p)
{
    memset(p, 0, sizeof *p);
    strcpy(p->choice[0].text, "none");
    p->names[0] = p->choice[0].text;
    p->count = 1;
}

/* The text without blanks; false where it is too long. */
static bool squeeze(const char *text, char out[SOFA_PATTERN_TEXT_MAX])
{
    size_t n = 0;

    for (; *text; text++) {
        if (isspace((unsigned char)*text))
            continue;
        if (n + 1 == SOFA_PATTERN_TEXT_MAX)
            return false;
        out[n++] = *text;
    }
    out[n] = '\0';
    return true;
}

enum sofa_code sofa_pattern_choice_parse(const char *text, struct sofa_pattern_choice *c, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    char *slash;

    *c = (struct sofa_pattern_choice){.fixed = true};
    if (!squeeze(text, c->text))
        return sofa_fail(err, SOFA_E_INPUT, "a pattern of more than %d characters", SOFA_PATTERN_TEXT_MAX - 1);
    if (strcmp(c->text, "none") == 0) {
        c->fixed = false;
        return SOFA_OK;
    }
    strcpy(c->spec, c->text);
    slash = strchr(c->spec, '/');
    if (slash) {
        static const char *const known[] = {"topk"};

        if (strcmp(slash + 1, known[0]) != 0) {
            sofa_fail(err, SOFA_E_INPUT, "'%s' behind the '/' of a pattern", slash + 1);
            sofa_err_append_choices(err, slash + 1, known, 1);
            return SOFA_E_INPUT;
        }
        *slash = '\0';
        c->fixed = false;
    }
    if (sofa_pattern_check(c->spec, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_INPUT, "%s", why.text);
    return SOFA_OK;
}

enum sofa_code sofa_patterns_add(struct sofa_patterns *p, const char *text, int *number, struct sofa_err *err)
{
    struct sofa_pattern_choice c;
    enum sofa_code rc;

    SOFA_TRY(sofa_pattern_choice_parse(text, &c, err));
    for (*number = 0; *number < p->count; ++*number)
        if (strcmp(p->choice[*number].text, c.text) == 0)
            return SOFA_OK;
    if (p->count == SOFA_PATTERNS_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "more than %d patterns", SOFA_PATTERNS_MAX - 1);
    p->choice[p->count] = c;
    p->names[p->count] = p->choice[p->count].text;
    *number = p->count++;
out:
    return rc;
}

void sofa_patterns_settle(const struct sofa_patterns *p, struct sofa_design *design)
{
    for (int l = 0; l < design->layers; l++) {
        struct sofa_layer_settings *s = &design->layer[l];

        if (!p->choice[s->pattern].fixed)
            continue;
        s->tiles = 1;
        s->topk_permille = 1000;
        s->radius = INFINITY;
        s->reference = SOFA_CLIP_SEGMENT;
        s->khat_bits = s->q_bits = NARROWEST_BITS;
    }
}

bool sofa_patterns_idle(const struct sofa_patterns *p, const struct sofa_design *design, const char *key, int layer)
{
    static const char *const settled[] = {"tiles", "topk", "radius", "reference", "khat_bits", "q_bits"};
    int from = layer < 0 ? 0 : layer, to = layer < 0 ? design->layers : layer + 1;
    bool idle = false;

    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        idle = idle || strcmp(settled[i], key) == 0;
    for (int l = from; l < to; l++)
        idle = idle && p->choice[design->layer[l].pattern].fixed;
    return idle;
}
