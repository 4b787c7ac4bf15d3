/* Values, units and texts as pages and pictures show them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/unit.h"
#include "report/picture.h"
#include "space/parameter.h"

void sofa_report_escape(const char *text, struct sofa_str *out)
{
    static const char special[] = "<>&\"'";
    static const char *const entity[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};

    while (*text) {
        size_t n = strcspn(text, special);

        sofa_str_add_bytes(out, text, n);
        text += n;
        if (*text)
            sofa_str_add(out, entity[strchr(special, *text++) - special]);
    }
}

/* How a part of a unit looks in print. */
static const struct {
    const char *written, *printed;
} prints[] = {
    {"us", "µs"}, {"uJ", "µJ"}, {"uW", "µW"}, {"mm2", "mm²"}, {"um2", "µm²"}, {"*", "·"},
};

void sofa_report_pretty_unit(const char *unit, char *out, size_t size)
{
    size_t used = 0;

    while (*unit && used + 1 < size) {
        const char *from = unit, *printed = NULL;
        size_t n = 1;

        for (size_t i = 0; i < sizeof prints / sizeof *prints && !printed; i++) {
            n = strlen(prints[i].written);
            if (strncmp(unit, prints[i].written, n) == 0)
                printed = prints[i].printed;
        }
        n = printed ? n : 1;
        unit += n;
        used += (size_t)snprintf(out + used, size - used, "%.*s", printed ? (int)strlen(printed) : 1,
                                 printed ? printed : from);
    }
    out[used < size ? used : size - 1] = '\0';
}

const char *sofa_report_shown_unit(const char *metric, const char *unit)
{
    static const char *const shares[] = {"accuracy_loss", "density", "mass", "output_error", "pe_utilisation", "utilisation"};

    for (size_t i = 0; strcmp(unit, "1") == 0 && i < sizeof shares / sizeof *shares; i++)
        if (strcmp(metric, shares[i]) == 0)
            return "%";
    return unit;
}

void sofa_report_value_text(const struct sofa_report_objective *o, double value, char buf[SOFA_REPORT_TEXT_MAX])
{
    char text[SOFA_QUANTITY_TEXT_MAX];

    sofa_quantity_text(value, o->shown_unit, text);
    sofa_report_pretty_unit(text, buf, SOFA_REPORT_TEXT_MAX);
}

void sofa_report_parameter_text(const struct sofa_parameter *p, double value, char buf[SOFA_REPORT_TEXT_MAX])
{
    char text[SOFA_PARAMETER_TEXT_MAX];
    double choices = INFINITY;

    if (p && p->kind == SOFA_PARAMETER_CHOICE)
        for (choices = 0; p->names[(size_t)choices];)
            choices++;
    if (p && (p->kind != SOFA_PARAMETER_CHOICE || (value >= 0 && value < choices)))
        sofa_parameter_text(p, value, text);
    else
        snprintf(text, sizeof text, "%.6g", value);
    sofa_report_pretty_unit(text, buf, SOFA_REPORT_TEXT_MAX);
}

bool sofa_report_is_drawn(const struct sofa_report_data *data, size_t trial, size_t most)
{
    return data->on_front[trial] || trial % (data->history.n_trials / most + 1) == 0;
}
