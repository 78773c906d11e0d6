// Ids of operators and states: hashes of what they compute, so that they survive edits elsewhere in
// the script and tell when the same name would mean something else.
#ifndef WEIR_SQL_FINGERPRINT_H_
#define WEIR_SQL_FINGERPRINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "model/expr.h"
#include "model/plan.h"
#include "sql/relation.h"

namespace weir {

// 16 hexadecimal digits: FNV-1a of 128 bits, its halves combined. Stable for ever: job logs hold
// them.
std::string Fingerprint(std::string_view text);

// What an operator's output columns are, each written in terms of the source's columns.
using Lineage = std::vector<std::string>;

// `expr` in terms of the source's columns: positions of columns don't matter, types do.
std::string Canonical(const Expr& expr, const Lineage& input);

Lineage LineageOf(const Schema& source_output);
// Through a projection.
Lineage LineageOf(const std::vector<Expr>& exprs, const Lineage& input);
// Of an aggregation's output; `input` is that of the partial aggregate.
Lineage LineageOf(const AggregateSpec& spec, const Lineage& input);

// Window, time column, keys and aggregates of `spec`.
std::string Canonical(const AggregateSpec& spec, const Lineage& input);

}  // namespace weir

#endif  // WEIR_SQL_FINGERPRINT_H_
