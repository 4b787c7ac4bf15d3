#include "report/svg_frame.h"

#include <stdio.h>

#include "report/picture.h"

void sofa_svg_begin(struct sofa_str *out, double width, double height, bool standalone, const char *label)
{
    sofa_str_addf(out, "<svg viewBox=\"0 0 %g %g\"%s role=\"img\" aria-label=\"", width, height,
                  standalone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "");
    sofa_report_escape(label, out);
    sofa_str_add(out, "\">\n");
    if (standalone)
        sofa_str_addf(out, "<style>%s</style>\n<rect class=\"paper\" width=\"%g\" height=\"%g\"/>\n",
                      sofa_svg_style, width, height);
}

void sofa_svg_text(struct sofa_str *out, const char *classes, double x, double y, const char *more,
                   const char *text)
{
    sofa_str_addf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\"%s>", classes, x, y, more);
    sofa_report_escape(text, out);
    sofa_str_add(out, "</text>\n");
}

void sofa_svg_line(struct sofa_str *out, const char *classes, double x1, double y1, double x2, double y2)
{
    sofa_str_addf(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", classes, x1, y1, x2, y2);
}

/* "latency (µs)" */
void sofa_svg_axis_title(const char *name, const struct sofa_axis *a, char *buf, size_t size)
{
    snprintf(buf, size, *a->unit ? "%s (%s)" : "%s", name, a->unit);
}

void sofa_svg_x_axis(const struct sofa_svg_frame *f, struct sofa_str *out)
{
    char text[SOFA_TICK_TEXT_MAX];

    for (size_t i = 0; i < f->x.n_ticks; i++) {
        double x = sofa_axis_place(&f->x, f->x.tick[i]);

        sofa_svg_line(out, "grid", x, f->top, x, f->bottom);
        sofa_axis_tick_text(&f->x, f->x.tick[i], text);
        sofa_svg_text(out, "tick mid", x, f->bottom + 16, "", text);
    }
}

void sofa_svg_y_axis(const struct sofa_svg_frame *f, struct sofa_str *out)
{
    char text[SOFA_TICK_TEXT_MAX];

    for (size_t i = 0; i < f->y.n_ticks; i++) {
        double y = sofa_axis_place(&f->y, f->y.tick[i]);

        sofa_svg_line(out, "grid", f->left, y, f->right, y);
        sofa_axis_tick_text(&f->y, f->y.tick[i], text);
        sofa_svg_text(out, "tick end", f->left - 7, y + 4, "", text);
    }
}

void sofa_svg_titles(const struct sofa_svg_frame *f, const char *x, const char *y, struct sofa_str *out)
{
    char title[SOFA_REPORT_TEXT_MAX * 2], turn[80];
    double middle = (f->top + f->bottom) / 2;

    sofa_svg_axis_title(x, &f->x, title, sizeof title);
    sofa_svg_text(out, "name mid", (f->left + f->right) / 2, f->bottom + 37, "", title);
    sofa_svg_axis_title(y, &f->y, title, sizeof title);
    snprintf(turn, sizeof turn, " transform=\"rotate(-90 14 %.1f)\"", middle);
    sofa_svg_text(out, "name mid", 14, middle, turn, title);
}

void sofa_svg_border(const struct sofa_svg_frame *f, struct sofa_str *out)
{
    sofa_str_addf(out, "<path class=\"border\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", f->left, f->top, f->bottom,
                  f->right);
}
