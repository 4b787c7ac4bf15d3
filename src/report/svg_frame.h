/*
 * The frame of a picture: axes, their ticks and titles, and the elements everything is drawn with.
 */
#ifndef SOFA_REPORT_SVG_FRAME_H
#define SOFA_REPORT_SVG_FRAME_H

#include <stdbool.h>

#include "base/str.h"
#include "report/axis.h"

/* The area in which points lie, in picture units; the axes and their texts are around it. */
struct sofa_svg_frame {
    struct sofa_axis x, y;
    double left, right, top, bottom;
};

/* Opens the element; `label` is what a screen reader says.  A standalone one carries its own style. */
void sofa_svg_begin(struct sofa_str *out, double width, double height, bool standalone, const char *label);
/* `more` are further attributes, "" for none. */
void sofa_svg_text(struct sofa_str *out, const char *classes, double x, double y, const char *more,
                   const char *text);
void sofa_svg_line(struct sofa_str *out, const char *classes, double x1, double y1, double x2, double y2);

void sofa_svg_x_axis(const struct sofa_svg_frame *f, struct sofa_str *out);
void sofa_svg_y_axis(const struct sofa_svg_frame *f, struct sofa_str *out);
/* "latency (µs)" below and at the left. */
void sofa_svg_titles(const struct sofa_svg_frame *f, const char *x, const char *y, struct sofa_str *out);
void sofa_svg_border(const struct sofa_svg_frame *f, struct sofa_str *out);
void sofa_svg_axis_title(const char *name, const struct sofa_axis *a, char *buf, size_t size);

#endif
