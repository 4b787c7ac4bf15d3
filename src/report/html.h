/*
 * Reports that people look at: a page of HTML in one file, and a picture.
 *
 * Both are made from a study's folder (study.db and pareto.json) and need neither a network nor the
 * files the space names.
 */
#ifndef SOFA_REPORT_HTML_H
#define SOFA_REPORT_HTML_H

#include "base/err.h"

/* The page of the study in `folder`, written to `file`.  SOFA_E_INPUT where no study is there, SOFA_E_IO. */
enum sofa_code sofa_report_html(const char *folder, const char *file, struct sofa_err *err);

/* Two objectives against each other, as an SVG file.  `axes` is "X,Y", NULL for the first two; SOFA_E_USAGE where
 * the study has no such objective.  `comment` goes into the file and must not hold "--". */
enum sofa_code sofa_report_svg(const char *folder, const char *axes, const char *comment, const char *file,
                               struct sofa_err *err);

#endif
