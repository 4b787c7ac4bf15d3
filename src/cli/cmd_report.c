/* sofa-dse report: a study as a page, or as a picture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "report/html.h"

struct report_options {
    const char *output, *svg, *axes;
};
#define OPTION(member) .kind = SOFA_OPTION_STRING, .offset = offsetof(struct report_options, member)
static const struct sofa_option options[] = {
    {.name = "output", .letter = 'o', OPTION(output), .argument = "FILE",
     .help = "the page (default: report.html in DIR)"},
    {.name = "svg", OPTION(svg), .argument = "FILE", .help = "a picture of two objectives instead of a page"},
    {.name = "axes", OPTION(axes), .argument = "X,Y", .help = "objectives of the picture (default: the first two)"},
};

static enum sofa_code write_page(const struct report_options *o, const char *folder, struct sofa_err *err)
{
    char *file = o->output ? sofa_format("%s", o->output) : sofa_path_join(folder, "report.html");
    enum sofa_code rc = file ? sofa_report_html(folder, file, err) : sofa_fail_nomem(err, folder);

    if (rc == SOFA_OK)
        fprintf(stderr, "the report is %s\n", file);
    free(file);
    return rc;
}

static enum sofa_code write_picture(const struct report_options *o, const char *folder, struct sofa_err *err)
{
    /* "--" can't stand in a comment of XML: the options are told in words */
    char *comment = sofa_format("made by sofa-dse report %s, as an SVG with the axes %s", sofa_path_base(folder),
                                o->axes ? o->axes : "of the first two objectives");
    enum sofa_code rc;

    if (!comment)
        return sofa_fail_nomem(err, folder);
    for (char *at = strstr(comment, "--"); at; at = strstr(comment, "--"))
        at[1] = '.';
    rc = sofa_report_svg(folder, o->axes, comment, o->svg, err);
    free(comment);
    return rc;
}

static enum sofa_code report(const struct report_options *o, const char *folder, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (!sofa_is_directory(folder))
        return sofa_fail_at(err, SOFA_E_INPUT, folder, 0, 0, "no folder is here; expected that of a study");
    if (o->axes && !o->svg)
        return sofa_fail(err, SOFA_E_USAGE, "--axes goes with --svg");
    if (o->svg)
        SOFA_TRY(write_picture(o, folder, err));
    if (!o->svg || o->output)
        rc = write_page(o, folder, err);
out:
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct report_options o = {NULL, NULL, NULL};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_report, argc, argv, &o, &operands, &done, err));
    rc = done ? sofa_output_finish(err) : report(&o, argv[1], err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_report = {
    "report", "report DIR [-o FILE.html] [--svg FILE.svg [--axes X,Y]]", "makes the report of a study again", options,
    sizeof options / sizeof *options, 1, 1, run,
};
