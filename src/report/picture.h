/*
 * A study as pictures and as a page of HTML.
 *
 * Everything is read from the study's folder: what was searched and the front from pareto.json, what was
 * tried from study.db.  So a report looks the same when it is made again, on another machine or after
 * years, and needs none of the files that the space names.
 */
#ifndef SOFA_REPORT_PICTURE_H
#define SOFA_REPORT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "space/parameter.h"
#include "study/history.h"

#define SOFA_REPORT_OBJECTIVES_MAX 8
#define SOFA_REPORT_TEXT_MAX 64

struct sofa_report_objective {
    const char *name;
    const char *unit;       /* as values are stored */
    const char *shown_unit; /* as they are shown: "%" for a loss, else `unit` */
    double sign;            /* +1 minimised, -1 maximised */
    double reference;       /* of the hypervolume, in `unit` */
    double limit;           /* the constraint on it, NAN without one */
    bool limit_above;       /* values above `limit` are forbidden */
};

/* One value that the head of the page tells. */
struct sofa_report_fact {
    const char *name, *text;
};

struct sofa_report_data {
    struct sofa_history history; /* its metrics are the objectives; its arena owns the texts here */
    const char *name;            /* the space's */
    size_t n_objectives, n_constraints, n_facts, n_front;
    struct sofa_report_objective objective[SOFA_REPORT_OBJECTIVES_MAX];
    const char **constraint; /* [n_constraints] as written */
    struct sofa_report_fact fact[16];
    bool *on_front; /* [n_trials] */
    bool outside;   /* of an outside evaluator, whose names are not ours */
    const struct sofa_parameter **parameter; /* [n_parameters] what is known of each axis, NULL for nothing */
    /* hypervolume of the front after `after` trials, at up to SOFA_REPORT_STEPS_MAX places */
    size_t n_steps;
    struct sofa_report_step {
        size_t after;
        double hypervolume;
    } * step;
    double hypervolume; /* as pareto.json says it */
};
#define SOFA_REPORT_STEPS_MAX 400

/* SOFA_E_INPUT with the file's name where the folder holds no study or files that don't fit. */
enum sofa_code sofa_report_data_read(const char *folder, struct sofa_report_data *data, struct sofa_err *err);
void sofa_report_data_release(struct sofa_report_data *data);

/* In what a metric's values are shown: shares and losses in "%", others in their unit. */
const char *sofa_report_shown_unit(const char *metric, const char *unit);
/* "152 µs", "64 KiB" */
void sofa_report_value_text(const struct sofa_report_objective *o, double value,
                            char buf[SOFA_REPORT_TEXT_MAX]);
/* `p` may be NULL: a plain number. */
void sofa_report_parameter_text(const struct sofa_parameter *p, double value, char buf[SOFA_REPORT_TEXT_MAX]);
/* A unit as it is printed: "us" becomes "µs", "mm2" becomes "mm²".  Cut to `size`. */
void sofa_report_pretty_unit(const char *unit, char *out, size_t size);

/* Appends text so that it stands for itself in HTML, SVG and their attributes. */
void sofa_report_escape(const char *text, struct sofa_str *out);

/* Pictures as <svg> elements; `data` outlives the call.  A standalone one carries its own style and
 * namespace and can be a file. */
void sofa_svg_scatter(const struct sofa_report_data *data, size_t x, size_t y, bool standalone,
                      struct sofa_str *out);
void sofa_svg_convergence(const struct sofa_report_data *data, struct sofa_str *out);
/* Objective `y` of all trials over a parameter's levels.  Its axis has no title; that is "latency (µs)". */
void sofa_svg_parameter(const struct sofa_report_data *data, size_t parameter, size_t y, struct sofa_str *out);
void sofa_svg_objective_title(const struct sofa_report_data *data, size_t k, char *buf, size_t size);

/* Trials that pictures show: all of the front, and of the others every n-th where there are many. */
bool sofa_report_is_drawn(const struct sofa_report_data *data, size_t trial, size_t most);
#define SOFA_REPORT_DRAWN_MAX 3000

/* The style and the script of the page. */
extern const char sofa_html_style[], sofa_html_script[], sofa_svg_style[];

#endif
