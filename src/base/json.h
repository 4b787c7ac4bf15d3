/*
 * JSON as text whose numbers read back to the same double.
 *
 * cJSON prints 15 digits wherever they come within a rounding error of the number, which is not the same.
 */
#ifndef SOFA_BASE_JSON_H
#define SOFA_BASE_JSON_H

struct cJSON;

/* The document laid out over lines; to be freed, NULL where memory is exhausted.  Numbers are the shortest
 * of 15 to 17 digits, and null where JSON has no word for them.  Afterwards `json` can only be printed again or
 * deleted: its numbers have become text. */
char *sofa_json_text(struct cJSON *json);
/* The same on one line. */
char *sofa_json_line(struct cJSON *json);

#endif
