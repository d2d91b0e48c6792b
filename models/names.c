/* SPDX-License-Identifier: Apache-2.0 */
/* Relations of rows by the names that their records hold, computed from the tokens (floor 4).
 *
 * Where tokens are inserted and deleted, which rows belong together is no fixed pattern of
 * positions. What is computed here is what a parser would say: the record that a row is in, the
 * first two tokens of this record, and which rows have the same. */
#define PAL_NO_CALLER
#include <palimpsest/layers.h>

/* No row has these names, so that rows without a name have it in common with none. */
enum { NO_QUERY = -1, NO_KEY = -2 };

/* i32 [T]: the token `by` rows after each row, or -1 outside its sequence, which goes from `begin`
 * to before `end`. */
static pal_value neighbour(pal_graph *g, pal_value token, pal_value row, pal_value begin,
                           pal_value end, int by) {
  const pal_value there = pal_affine(g, row, 1, by);
  const pal_value inside =
      pal_and(g, pal_compare(g, there, begin, PAL_GE), pal_compare(g, there, end, PAL_LT));
  const pal_value at = pal_where(g, inside, there, pal_int(g, -1));
  return pal_where(g, inside, pal_gather_rows(g, token, at), pal_int(g, -1));
}

/* The token itself if it is a name, else `none`. */
static pal_value name_or(pal_graph *g, const pal_format *f, pal_value token, int none) {
  return pal_where(g,
                   pal_and(g, pal_compare(g, token, pal_int(g, 0), PAL_GE),
                           pal_compare(g, token, pal_int(g, f->names), PAL_LT)),
                   token, pal_int(g, none));
}

pal_name_relation pal_name_groups(pal_graph *g, const pal_model *model, const pal_network *n) {
  enum { FIRST, SECOND, OWN, NAMES, LAST = PAL_MOST_RECORD_ROWS - 1 };
  const pal_format *f = pal_model_format(model);
  const pal_value row = pal_affine(g, pal_cumsum(g, pal_affine(g, n->token, 0, 1), 0), 1, -1);
  const pal_value begin = pal_gather_rows(g, n->begin, n->sequence);
  const pal_value end = pal_add(g, begin, pal_gather_rows(g, n->length, n->sequence));
  pal_value near[LAST + 3], *const at = near + LAST; /* at[k]: k rows after the row */
  pal_value name[NAMES] = {pal_int(g, -1), pal_int(g, -1)};
  for (int k = -LAST; k <= 2; k++) at[k] = neighbour(g, n->token, row, begin, end, k);
  for (int k = -LAST; k <= 0; k++) { /* the nearest bracket decides */
    const pal_value opens = pal_compare(g, at[k], pal_int(g, f->record[0]), PAL_EQ);
    const pal_value closes = pal_compare(g, at[k], pal_int(g, f->record[1]), PAL_EQ);
    for (int i = FIRST; i <= SECOND; i++) {
      if (k < 0) name[i] = pal_where(g, closes, pal_int(g, -1), name[i]);
      name[i] = pal_where(g, opens, at[k + 1 + i], name[i]);
    }
  }
  name[OWN] = n->token;
  const pal_type column = PAL_TYPE(PAL_I32, pal_type_of(g, n->token).symbol, 1, 1);
  pal_value as_query[PAL_NAME_GROUPS], as_key[PAL_NAME_GROUPS];
  for (int i = 0; i < PAL_NAME_GROUPS; i++) {
    as_query[i] = pal_reshape(g, name_or(g, f, name[i / NAMES], NO_QUERY), column);
    as_key[i] = pal_reshape(g, name_or(g, f, name[i % NAMES], NO_KEY), column);
  }
  return (pal_name_relation){pal_concat(g, as_query, PAL_NAME_GROUPS, 1),
                             pal_concat(g, as_key, PAL_NAME_GROUPS, 1)};
}
