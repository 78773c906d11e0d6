// CASE and COALESCE: each row takes its value from one of several branches, and a branch is
// evaluated on the rows that reach it only.
#include <algorithm>
#include <numeric>
#include <utility>

#include "arrow/array.h"
#include "arrow/array/concatenate.h"
#include "arrow/array/util.h"
#include "arrow/result.h"
#include "base/log.h"
#include "model/batch.h"
#include "operators/expr/node.h"

namespace weir::expr {
namespace {

using Rows = std::vector<uint32_t>;

// Puts the branches' values together: one long array of all pieces, then one gather.
class Assembly {
 public:
  Assembly(const DataType& type, int64_t rows) : type_(type), source_(rows) {}

  // Row at[i] gets value i of `values`.
  void Add(const Vector& values, const Rows& at) {
    if (at.empty()) return;
    const auto begin = static_cast<uint32_t>(length_);
    for (size_t i = 0; i < at.size(); ++i) {
      source_[at[i]] = begin + (values.constant ? 0 : static_cast<uint32_t>(i));
    }
    // A NULL literal without a type takes that of the whole.
    pieces_.push_back(values.array->type_id() == arrow::Type::NA ? Vector::Null(type_).array
                                                                 : values.array);
    length_ += pieces_.back()->length();
    only_is_constant_ = values.constant;
  }

  Vector Finish() {
    // A single piece covers every row.
    if (pieces_.size() == 1) return Vector::Of(pieces_[0], only_is_constant_);
    arrow::Result<std::shared_ptr<arrow::Array>> all = arrow::Concatenate(pieces_);
    WEIR_CHECK(all.ok(), all.status().ToString());
    return Vector::Of(TakeArray(*all, source_));
  }

 private:
  const DataType type_;
  Rows source_;
  arrow::ArrayVector pieces_;
  bool only_is_constant_ = false;
  int64_t length_ = 0;
};

Rows AllRows(int64_t rows) {
  Rows all(rows);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Evaluates on some rows of a frame; `rows` of all of them means the frame itself.
Vector EvaluateOn(const Node& node, Frame& frame, const Rows& rows) {
  if (static_cast<int64_t>(rows.size()) == frame.rows() || node.constant() != nullptr) {
    return node.Evaluate(frame);
  }
  Frame inner(&frame, rows);
  return node.Evaluate(inner);
}

// Splits `rows` by a predicate on the position: those that hold leave `rows`.
template <class Holds>
Rows Extract(Rows* rows, Holds holds) {
  Rows taken, left;
  for (size_t i = 0; i < rows->size(); ++i) {
    (holds(static_cast<int64_t>(i)) ? taken : left).push_back((*rows)[i]);
  }
  *rows = std::move(left);
  return taken;
}

class CaseNode final : public Node {
 public:
  CaseNode(const DataType& type, bool fallible, std::vector<NodePtr> args)
      : Node(type, fallible), args_(std::move(args)) {}

  Vector Evaluate(Frame& frame) const override {
    Assembly result(type(), frame.rows());
    Rows undecided = AllRows(frame.rows());
    for (size_t i = 0; i + 1 < args_.size() && !undecided.empty(); i += 2) {
      const Vector when = EvaluateOn(*args_[i], frame, undecided);
      if (when.is_null_constant()) continue;
      View<bool> bits(when);
      const Rows taken =
          Extract(&undecided, [&](int64_t row) { return !when.IsNull(row) && bits[row]; });
      if (!taken.empty()) result.Add(EvaluateOn(*args_[i + 1], frame, taken), taken);
    }
    if (!undecided.empty()) {
      result.Add(EvaluateOn(*args_.back(), frame, undecided), undecided);
    }
    return result.Finish();
  }

 private:
  const std::vector<NodePtr> args_;
};

class CoalesceNode final : public Node {
 public:
  CoalesceNode(const DataType& type, bool fallible, std::vector<NodePtr> args)
      : Node(type, fallible), args_(std::move(args)) {}

  Vector Evaluate(Frame& frame) const override {
    Assembly result(type(), frame.rows());
    Rows undecided = AllRows(frame.rows());
    for (size_t i = 0; i < args_.size() && !undecided.empty(); ++i) {
      const Vector values = EvaluateOn(*args_[i], frame, undecided);
      // Everything goes in; rows that are NULL still are written again by the next argument.
      result.Add(values, undecided);
      Extract(&undecided, [&](int64_t row) { return !values.IsNull(row); });
    }
    return result.Finish();
  }

 private:
  const std::vector<NodePtr> args_;
};

bool AnyFallible(const std::vector<NodePtr>& args) {
  return std::any_of(args.begin(), args.end(), [](const NodePtr& arg) { return arg->fallible(); });
}

}  // namespace

NodePtr MakeCaseNode(const DataType& type, std::vector<NodePtr> args) {
  const bool fallible = AnyFallible(args);
  return std::make_unique<CaseNode>(type, fallible, std::move(args));
}

NodePtr MakeCoalesceNode(const DataType& type, std::vector<NodePtr> args) {
  const bool fallible = AnyFallible(args);
  return std::make_unique<CoalesceNode>(type, fallible, std::move(args));
}

}  // namespace weir::expr
