/* One picture of a study as a file of its own. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "report/html.h"
#include "report/picture.h"

/* The objective of a name of which `n` letters count. */
static enum sofa_code find_objective(const struct sofa_report_data *d, const char *name, size_t n,
                                     size_t *index, struct sofa_err *err)
{
    for (*index = 0; *index < d->n_objectives; ++*index)
        if (strlen(d->objective[*index].name) == n && strncmp(d->objective[*index].name, name, n) == 0)
            return SOFA_OK;
    sofa_fail(err, SOFA_E_USAGE, "--axes: '%.*s' is no objective of this study; expected two of ", (int)n,
              name);
    for (size_t k = 0; k < d->n_objectives; k++)
        sofa_err_append(err, "%s%s", k ? ", " : "", d->objective[k].name);
    return SOFA_E_USAGE;
}

static enum sofa_code find_axes(const struct sofa_report_data *d, const char *axes, size_t *x, size_t *y,
                                struct sofa_err *err)
{
    size_t comma = axes ? strcspn(axes, ",") : 0;
    enum sofa_code rc;

    *x = 0;
    *y = 1;
    if (d->n_objectives < 2)
        return sofa_fail(err, SOFA_E_USAGE, "this study has one objective; a picture needs two");
    if (!axes)
        return SOFA_OK;
    if (!axes[comma])
        return sofa_fail(err, SOFA_E_USAGE, "--axes: '%s' names one objective; expected X,Y", axes);
    SOFA_TRY(find_objective(d, axes, comma, x, err));
    SOFA_TRY(find_objective(d, axes + comma + 1, strlen(axes + comma + 1), y, err));
    if (*x == *y)
        rc = sofa_fail(err, SOFA_E_USAGE, "--axes: '%s' names one objective twice", axes);
out:
    return rc;
}

enum sofa_code sofa_report_svg(const char *folder, const char *axes, const char *comment, const char *file,
                               struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    struct sofa_report_data data;
    enum sofa_code rc;
    size_t x, y;

    SOFA_TRY(sofa_report_data_read(folder, &data, err));
    rc = find_axes(&data, axes, &x, &y, err);
    if (rc == SOFA_OK) {
        sofa_str_add(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- ");
        sofa_str_add(&text, comment);
        sofa_str_add(&text, " -->\n");
        sofa_svg_scatter(&data, x, y, true, &text);
        rc = text.failed ? sofa_fail_nomem(err, file)
                         : sofa_file_write_atomic(file, text.text, text.length, err);
    }
    sofa_report_data_release(&data);
out:
    sofa_str_release(&text);
    return rc;
}
