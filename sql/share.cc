#include "sql/share.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "sql/fingerprint.h"
#include "sql/rewrite.h"
#include "sql/stages.h"

namespace weir {
namespace {

// Columns of the new projection, while the old ones still have their numbers.
constexpr int kShared = 1 << 24;

struct Candidate {
  const Expr* expr = nullptr;
  int size = 0;
  int in_stage = 0;  // evaluations in the stage itself, anywhere
  int always = 0;    // of them, those for every row
  int behind = 0;    // in the projection that follows a filter
};

bool WorthSharing(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kCast:
      // Widening a column costs less than keeping the result.
      return CanFail(expr) || !IsTrivial(expr.args[0]);
    case ExprKind::kCall:
    case ExprKind::kCase:
    case ExprKind::kCoalesce:
      return !IsWindowMarker(expr);
    case ExprKind::kColumn:
    case ExprKind::kLiteral:
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kNot:
    case ExprKind::kIsNull:
      return false;
  }
  return false;
}

int LargestColumn(const Expr& expr) {
  int largest = expr.kind == ExprKind::kColumn ? expr.column : -1;
  for (const Expr& arg : expr.args) largest = std::max(largest, LargestColumn(arg));
  return largest;
}

class Finder {
 public:
  enum class Where { kAlways, kSometimes, kBehind };

  explicit Finder(const Lineage& row) : row_(row) {}

  void Add(const Expr& expr, Where where) {
    const int column = WorthSharing(expr) ? LargestColumn(expr) : -1;
    // Constants are cheap, and what is shared already is no column of the row yet.
    if (column >= 0 && column < kShared) Count(candidates_[Canonical(expr, row_)], expr, where);
    const bool branches = expr.kind == ExprKind::kCase || expr.kind == ExprKind::kCoalesce ||
                          expr.kind == ExprKind::kAnd || expr.kind == ExprKind::kOr;
    for (size_t i = 0; i < expr.args.size(); ++i) {
      const bool late = where == Where::kAlways && branches && i > 0;
      Add(expr.args[i], late ? Where::kSometimes : where);
    }
  }

  // The largest expression that is to be shared; null when there is none.
  const Expr* Best() const {
    const Candidate* best = nullptr;
    for (const auto& [key, candidate] : candidates_) {
      if (candidate.in_stage == 0 || candidate.in_stage + candidate.behind < 2) continue;
      if (candidate.always == 0 && (CanFail(*candidate.expr) || candidate.in_stage < 2)) continue;
      if (best == nullptr || candidate.size > best->size) best = &candidate;
    }
    return best == nullptr ? nullptr : best->expr;
  }

 private:
  static void Count(Candidate& candidate, const Expr& expr, Where where) {
    if (candidate.expr == nullptr) {
      candidate.expr = &expr;
      candidate.size = Size(expr);
    }
    if (where == Where::kBehind) {
      ++candidate.behind;
    } else {
      ++candidate.in_stage;
      if (where == Where::kAlways) ++candidate.always;
    }
  }

  const Lineage& row_;
  std::map<std::string, Candidate> candidates_;
};

Expr Replace(const Expr& in, const Expr& what, const Expr& with) {
  if (in == what) return with;
  Expr replaced = in;
  for (Expr& arg : replaced.args) arg = Replace(arg, what, with);
  return replaced;
}

// A conjunct after the first is evaluated only for rows that are left.
void FindIn(const std::vector<Stage>& stages, size_t i, Finder* finder) {
  const bool filter = stages[i].kind == Stage::Kind::kFilter;
  for (size_t k = 0; k < stages[i].exprs.size(); ++k) {
    const bool always = !filter || k == 0;
    finder->Add(stages[i].exprs[k], always ? Finder::Where::kAlways : Finder::Where::kSometimes);
  }
  if (!filter) return;
  for (const Expr& expr : stages[i + 1].exprs) finder->Add(expr, Finder::Where::kBehind);
}

// True when a projection was put in front of stage i.
bool ShareIn(std::vector<Stage>& stages, size_t i) {
  const size_t last = stages[i].kind == Stage::Kind::kFilter ? i + 1 : i;
  Lineage row;  // numbers for names: equal text means equal expressions
  for (int column : ColumnsRead({stages.begin() + static_cast<int>(i), stages.end()})) {
    while (static_cast<int>(row.size()) <= column) row.push_back(absl::StrCat("#", row.size()));
  }
  std::vector<Expr> shared;
  for (;;) {
    Finder finder(row);
    FindIn(stages, i, &finder);
    const Expr* best = finder.Best();
    if (best == nullptr) break;
    const Expr what = *best;
    const Expr with = ColumnExpr(kShared + static_cast<int>(shared.size()), what.type);
    for (size_t k = i; k <= last; ++k) {
      for (Expr& expr : stages[k].exprs) expr = Replace(expr, what, with);
    }
    shared.push_back(what);
  }
  if (shared.empty()) return false;
  Stage front{Stage::Kind::kProject, {}, {}};
  std::map<int, int> position;
  const auto move = [&](const Expr& column) {
    const auto [known, is_new] =
        position.emplace(column.column, static_cast<int>(front.exprs.size()));
    if (is_new) {
      const bool is_shared = column.column >= kShared;
      front.exprs.push_back(is_shared ? shared[column.column - kShared] : column);
      front.names.push_back(is_shared ? absl::StrCat("shared", column.column - kShared + 1) : "");
    }
    return ColumnExpr(known->second, column.type);
  };
  for (size_t k = i; k <= last; ++k) {
    for (Expr& expr : stages[k].exprs) expr = MapColumns(expr, move);
  }
  stages.insert(stages.begin() + static_cast<int>(i), std::move(front));
  return true;
}

}  // namespace

void ShareSubexpressions(std::vector<Stage>* stages) {
  for (size_t i = 0; i < stages->size(); ++i) {
    if (ShareIn(*stages, i)) ++i;
  }
}

}  // namespace weir
