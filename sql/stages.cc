#include "sql/stages.h"

#include <algorithm>
#include <set>

#include "sql/rewrite.h"

namespace weir {
namespace {

constexpr int kDepthMax = 1000;
constexpr int kNodesMax = 10'000;

bool IsProject(const Stage& stage) { return stage.kind == Stage::Kind::kProject; }

// The stages that read the rows of `stages[i]`: those behind it up to the next projection.
std::vector<Stage*> Readers(std::vector<Stage>& stages, size_t i) {
  std::vector<Stage*> readers;
  for (size_t k = i + 1; k < stages.size(); ++k) {
    readers.push_back(&stages[k]);
    if (IsProject(stages[k])) break;
  }
  return readers;
}

std::vector<ColumnReads> ReadsOf(const std::vector<Stage*>& readers, size_t columns) {
  std::vector<ColumnReads> reads(columns);
  for (const Stage* reader : readers) {
    for (const Expr& expr : reader->exprs) CountReads(expr, &reads);
  }
  return reads;
}

void CollectColumns(const Expr& expr, std::set<int>* out) {
  if (expr.kind == ExprKind::kColumn) out->insert(expr.column);
  for (const Expr& arg : expr.args) CollectColumns(arg, out);
}

// Drops the columns of projection `i` that nobody reads. REQUIRES: it isn't the last stage.
bool Prune(std::vector<Stage>& stages, size_t i) {
  const std::vector<Stage*> readers = Readers(stages, i);
  Stage& project = stages[i];
  const std::vector<ColumnReads> reads = ReadsOf(readers, project.exprs.size());
  const auto unread = [](const ColumnReads& column) { return column.anywhere == 0; };
  if (std::none_of(reads.begin(), reads.end(), unread)) return false;
  Stage kept{Stage::Kind::kProject, {}, {}};
  std::vector<int> position(project.exprs.size(), -1);
  for (size_t column = 0; column < project.exprs.size(); ++column) {
    if (unread(reads[column])) continue;
    position[column] = static_cast<int>(kept.exprs.size());
    kept.exprs.push_back(project.exprs[column]);
    kept.names.push_back(project.names[column]);
  }
  project = std::move(kept);
  for (Stage* reader : readers) {
    for (Expr& expr : reader->exprs) {
      expr =
          MapColumns(expr, [&](const Expr& c) { return ColumnExpr(position[c.column], c.type); });
    }
  }
  return true;
}

// Whether `expr` over the projection's rows may be one over the rows beneath without computing
// anything twice. `reads` are those of all stages that read the projection.
bool CanSubstitute(const Expr& expr, const Stage& project, const std::vector<ColumnReads>& reads) {
  std::set<int> columns;
  CollectColumns(expr, &columns);
  return std::all_of(columns.begin(), columns.end(), [&](int column) {
    return IsTrivial(project.exprs[column]) || reads[column].anywhere == 1;
  });
}

// Moves conditions of filter i + 1 below projection i.
bool PushFilter(std::vector<Stage>& stages, size_t i) {
  const Stage& project = stages[i];
  const std::vector<ColumnReads> reads = ReadsOf(Readers(stages, i), project.exprs.size());
  Stage below{Stage::Kind::kFilter, {}, {}};
  Stage above{Stage::Kind::kFilter, {}, {}};
  for (const Expr& condition : stages[i + 1].exprs) {
    const bool in_order = above.exprs.empty() || !CanFail(condition);
    if (in_order && CanSubstitute(condition, project, reads)) {
      below.exprs.push_back(Substitute(condition, project.exprs));
    } else {
      above.exprs.push_back(condition);
    }
  }
  if (below.exprs.empty()) return false;
  const bool all = above.exprs.empty();
  stages[i + 1] = std::move(above);
  if (all) stages.erase(stages.begin() + static_cast<int>(i) + 1);
  stages.insert(stages.begin() + static_cast<int>(i), std::move(below));
  return true;
}

bool MergeProjects(std::vector<Stage>& stages, size_t i) {
  const Stage& lower = stages[i];
  const Stage& upper = stages[i + 1];
  const std::vector<ColumnReads> reads = ReadsOf({&stages[i + 1]}, lower.exprs.size());
  for (size_t column = 0; column < lower.exprs.size(); ++column) {
    const bool late = reads[column].always == 0 && CanFail(lower.exprs[column]);
    if (!IsTrivial(lower.exprs[column]) && reads[column].anywhere > 1 && !late) return false;
  }
  Stage merged{Stage::Kind::kProject, {}, upper.names};
  for (const Expr& expr : upper.exprs) {
    merged.exprs.push_back(Substitute(expr, lower.exprs));
    const Expr& expr_merged = merged.exprs.back();
    if (Depth(expr_merged) > kDepthMax || Size(expr_merged) > kNodesMax) return false;
  }
  stages[i + 1] = std::move(merged);
  stages.erase(stages.begin() + static_cast<int>(i));
  return true;
}

bool MergeFilters(std::vector<Stage>& stages, size_t i) {
  for (Expr& condition : stages[i + 1].exprs) stages[i].exprs.push_back(std::move(condition));
  stages.erase(stages.begin() + static_cast<int>(i) + 1);
  return true;
}

bool Step(std::vector<Stage>& stages) {
  for (size_t i = 0; i + 1 < stages.size(); ++i) {
    const bool lower = IsProject(stages[i]);
    const bool upper = IsProject(stages[i + 1]);
    if (lower && Prune(stages, i)) return true;
    if (lower && upper && MergeProjects(stages, i)) return true;
    if (lower && !upper && PushFilter(stages, i)) return true;
    if (!lower && !upper) return MergeFilters(stages, i);
  }
  return false;
}

}  // namespace

std::vector<int> CarryColumns(const std::vector<int>& carried, const Schema& row,
                              std::vector<Stage>* stages) {
  std::vector<int> at = carried;
  for (Stage& stage : *stages) {
    if (!IsProject(stage)) continue;
    for (size_t i = 0; i < carried.size(); ++i) {
      const Column& column = row.columns[carried[i]];
      const Expr carry = ColumnExpr(at[i], column.type);
      const auto known = std::find(stage.exprs.begin(), stage.exprs.end(), carry);
      at[i] = static_cast<int>(known - stage.exprs.begin());
      if (known != stage.exprs.end()) continue;
      stage.exprs.push_back(carry);
      stage.names.push_back(column.name);
    }
  }
  return at;
}

void Fuse(std::vector<Stage>* stages) {
  while (Step(*stages)) {
  }
}

std::vector<int> ColumnsRead(const std::vector<Stage>& stages) {
  std::set<int> columns;
  for (const Stage& stage : stages) {
    for (const Expr& expr : stage.exprs) CollectColumns(expr, &columns);
    if (IsProject(stage)) break;
  }
  return {columns.begin(), columns.end()};
}

void RenumberInput(const std::vector<int>& position, std::vector<Stage>* stages) {
  for (Stage& stage : *stages) {
    for (Expr& expr : stage.exprs) {
      expr =
          MapColumns(expr, [&](const Expr& c) { return ColumnExpr(position[c.column], c.type); });
    }
    if (IsProject(stage)) break;
  }
}

}  // namespace weir
