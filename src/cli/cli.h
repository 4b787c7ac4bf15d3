/*
 * The command line: one struct sofa_command for each cmd_NAME.c, with a table of options.
 *
 * Data goes to stdout, everything else to stderr.  Exit status: 0 done, 1 it could not be done,
 * 2 bad usage or bad input, 3 stopped by a signal.
 */
#ifndef SOFA_CLI_CLI_H
#define SOFA_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sofa_option_kind {
    SOFA_OPTION_FLAG,     /* bool */
    SOFA_OPTION_INTEGER,  /* long, within [least, most] */
    SOFA_OPTION_NUMBER,   /* double, in `unit` */
    SOFA_OPTION_STRING,   /* const char * */
    SOFA_OPTION_CHOICE,   /* int, index in `names` */
    SOFA_OPTION_REPEATED, /* struct sofa_strings: may be given several times */
};

struct sofa_strings {
    size_t count;
    const char *item[256];
};

struct sofa_option {
    const char *name; /* "evaluations": --evaluations N or --evaluations=N */
    char letter;      /* 'o' for -o, 0 for none */
    enum sofa_option_kind kind;
    size_t offset;        /* into the command's structure */
    const char *argument; /* shown in the help: "N", "FILE" */
    const char *help;
    long least, most;         /* integers; both 0: unbounded */
    const char *unit;         /* numbers, as in base/unit.h */
    const char *const *names; /* choices, NULL-terminated */
};

struct sofa_command {
    const char *name, *usage, *summary;
    const struct sofa_option *options;
    size_t n_options;
    int least_operands, most_operands; /* most < 0: any number */
    enum sofa_code (*run)(int argc, char **argv, struct sofa_err *err); /* argv[0] is the command's name */
};

/* Reads options into `base`, leaves the operands in argv[1..*operands] (in order, "--" ends the
 * options).  SOFA_E_USAGE with a "did you mean".  --help prints the command's help and sets *done. */
enum sofa_code sofa_options_read(const struct sofa_command *command, int argc, char **argv, void *base,
                                 int *operands, bool *done, struct sofa_err *err);

/* "0.15,15 %,0.2" as numbers of `unit`: at most `room` of them, *n how many. */
enum sofa_code sofa_option_numbers(const char *name, const char *text, const char *unit, double *values, size_t room,
                                   size_t *n, struct sofa_err *err);

/* A top-k ratio as thousandths: SOFA_E_USAGE unless it is a whole number of them in 1..1000. */
enum sofa_code sofa_option_permille(const char *name, double ratio, int *permille, struct sofa_err *err);

/* stdout is flushed and looked at: a full disk or a closed pipe is SOFA_E_IO. */
enum sofa_code sofa_output_finish(struct sofa_err *err);

struct cJSON;
/* Prints an object, indented, every number so that it reads back to the same double (infinities and
 * NaN as null), and frees it.  NULL stands for memory that ran out. */
enum sofa_code sofa_json_print(struct cJSON *json, struct sofa_err *err);

/* The commands, one a file. */
extern const struct sofa_command sofa_cmd_attention, sofa_cmd_validate, sofa_cmd_compare;
extern const struct sofa_command sofa_cmd_check;
extern const struct sofa_command sofa_cmd_evaluate;
extern const struct sofa_command sofa_cmd_explore;
extern const struct sofa_command sofa_cmd_list;
extern const struct sofa_command sofa_cmd_lm;
extern const struct sofa_command sofa_cmd_merge;
extern const struct sofa_command sofa_cmd_pattern;
extern const struct sofa_command sofa_cmd_report;
extern const struct sofa_command sofa_cmd_sweep;

/* Says what went wrong, if anything, as one line to stderr; the exit status it stands for. */
int sofa_finish(enum sofa_code rc, const struct sofa_err *err);

/* One line on what was merged from `n` "tasks" or "sources", to stderr. */
struct sofa_merge_result;
void sofa_tell_merged(const struct sofa_merge_result *result, size_t n, const char *of, const char *file);

#endif
