/* The line of progress. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/unit.h"
#include "report/report.h"

#define PLAIN_SECONDS 5.0 /* between lines where they are not rewritten */

void sofa_progress_line_init(struct sofa_progress_line *line, enum sofa_progress_mode mode, FILE *stream)
{
    *line = (struct sofa_progress_line){.stream = stream, .quiet = mode == SOFA_PROGRESS_NONE, .last = -PLAIN_SECONDS,
                                        .rewrite = mode == SOFA_PROGRESS_AUTO && isatty(fileno(stream))};
}

static void add_time(struct sofa_str *out, double seconds)
{
    long s = lround(seconds);

    if (s >= 3600)
        sofa_str_addf(out, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        sofa_str_addf(out, "%ld min %02ld s", s / 60, s % 60);
    else
        sofa_str_addf(out, "%ld s", s);
}

/* The best value of each objective on the front. */
static void add_best(const struct sofa_study *s, struct sofa_str *out)
{
    char text[SOFA_QUANTITY_TEXT_MAX];

    for (size_t o = 0; s->n_front && o < s->problem->n_objectives; o++) {
        const struct sofa_problem_objective *objective = &s->problem->objective[o];
        double best = INFINITY;

        for (size_t i = 0; i < s->n_front; i++)
            best = fmin(best, s->trial[s->front[i]].y[o]);
        sofa_quantity_text(objective->sign * best, objective->metric->unit, text);
        sofa_str_addf(out, "%s%s %s", o ? ", " : "; best ", objective->metric->name, text);
    }
}

static void describe(const struct sofa_study_progress *p, struct sofa_str *out)
{
    sofa_str_addf(out, "evaluation %zu of %zu; front %zu, hypervolume %.5g", p->done, p->total, p->front, p->hypervolume);
    add_best(p->study, out);
    if (p->failed)
        sofa_str_addf(out, "; %zu failed", p->failed);
    if (p->done < p->total && !isnan(p->seconds_left)) {
        sofa_str_add(out, "; ");
        add_time(out, p->seconds_left);
        sofa_str_add(out, " left");
    }
}

void sofa_progress_line_show(void *ctx, const struct sofa_study_progress *progress)
{
    struct sofa_progress_line *line = ctx;
    struct sofa_str text = SOFA_STR_INIT;

    if (line->quiet || (!line->rewrite && progress->done < progress->total && progress->seconds < line->last + PLAIN_SECONDS))
        return;
    describe(progress, &text);
    if (line->rewrite)
        fprintf(line->stream, "\r%s%*s", text.text, text.length < line->width ? (int)(line->width - text.length) : 0, "");
    else
        fprintf(line->stream, "%s\n", text.text);
    fflush(line->stream);
    line->width = text.length;
    line->last = progress->seconds;
    sofa_str_release(&text);
}

void sofa_progress_line_end(struct sofa_progress_line *line)
{
    if (line->rewrite && line->width && !line->quiet)
        fputc('\n', line->stream);
    line->width = 0;
}
