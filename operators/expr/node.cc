#include "operators/expr/node.h"

#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "model/batch.h"
#include "operators/expr/vector_output.h"

namespace weir::expr {
namespace {

class ColumnNode final : public Node {
 public:
  ColumnNode(const DataType& type, int column) : Node(type, false), column_(column) {}
  Vector Evaluate(Frame& frame) const override { return frame.Column(column_); }

 private:
  const int column_;
};

class ConstantNode final : public Node {
 public:
  ConstantNode(const DataType& type, Vector value) : Node(type, false), value_(std::move(value)) {}
  Vector Evaluate(Frame&) const override { return value_; }
  const Vector* constant() const override { return &value_; }

 private:
  const Vector value_;
};

// A constant expression that can't be computed, 1/0: fails the rows that reach it, no others.
class FailingNode final : public Node {
 public:
  FailingNode(const DataType& type, std::string message)
      : Node(type, true), message_(std::move(message)) {}
  Vector Evaluate(Frame& frame) const override {
    for (int64_t row = 0; row < frame.rows(); ++row) frame.Fail(row, message_);
    return Vector::Null(type());
  }

 private:
  const std::string message_;
};

class CallNode final : public Node {
 public:
  CallNode(const DataType& type, bool fallible, bool strict, std::unique_ptr<Kernel> kernel,
           std::vector<NodePtr> args)
      : Node(type, fallible), strict_(strict), kernel_(std::move(kernel)), args_(std::move(args)) {}

  Vector Evaluate(Frame& frame) const override {
    std::vector<Vector> args;
    args.reserve(args_.size());
    bool all_constant = true, null_constant = false;
    for (const NodePtr& arg : args_) {
      args.push_back(arg->Evaluate(frame));
      all_constant &= args.back().constant;
      null_constant |= args.back().is_null_constant();
    }
    if (strict_ && null_constant) return Vector::Null(type());
    // Arguments may come out constant although their nodes aren't: all rows failed.
    const int64_t rows = all_constant ? 1 : frame.rows();
    RowErrors errors;
    Vector result = kernel_->Run(args, rows, errors);
    result.constant |= all_constant;
    if (!errors.entries().empty()) [[unlikely]]
      return Blame(frame, errors, result);
    return result;
  }

 private:
  Vector Blame(Frame& frame, const RowErrors& errors, const Vector& result) const {
    if (result.constant) {
      const std::string& message = errors.entries().front().message;
      for (int64_t row = 0; row < frame.rows(); ++row) frame.Fail(row, message);
      return Vector::Null(type());
    }
    std::vector<uint32_t> rows;
    for (const RowError& error : errors.entries()) {
      frame.Fail(error.row, error.message);
      rows.push_back(static_cast<uint32_t>(error.row));
    }
    return Vector::Of(WithNulls(result.array, rows));
  }

  const bool strict_;
  const std::unique_ptr<Kernel> kernel_;
  const std::vector<NodePtr> args_;
};

bool AnyFallible(const std::vector<NodePtr>& args) {
  return std::any_of(args.begin(), args.end(), [](const NodePtr& arg) { return arg->fallible(); });
}

// The value of a call whose arguments are all known: computed now, on one row.
NodePtr Fold(const DataType& type, bool strict, Kernel& kernel, const std::vector<NodePtr>& args) {
  std::vector<Vector> values;
  for (const NodePtr& arg : args) values.push_back(*arg->constant());
  for (const Vector& value : values) {
    if (strict && value.is_null_constant()) return MakeConstantNode(type, Vector::Null(type));
  }
  RowErrors errors;
  Vector result = kernel.Run(values, 1, errors);
  if (!errors.entries().empty()) {
    return std::make_unique<FailingNode>(type, errors.entries().front().message);
  }
  result.constant = true;
  return MakeConstantNode(type, std::move(result));
}

}  // namespace

Frame::Frame(const arrow::RecordBatch& batch, std::vector<Evaluator::Failed>* failed)
    : batch_(&batch), rows_(batch.num_rows()), failed_(failed) {}

Frame::Frame(Frame* outer, std::vector<uint32_t> rows)
    : outer_(outer),
      selected_(std::move(rows)),
      rows_(static_cast<int64_t>(selected_.size())),
      failed_(outer->failed_) {}

Vector Frame::Column(int index) {
  auto [it, added] = columns_.try_emplace(index);
  if (!added) return it->second;
  if (outer_ == nullptr) return it->second = Vector::Of(batch_->column(index));
  const Vector outer = outer_->Column(index);
  // Constant: a column of the null type.
  it->second = outer.constant ? outer : Vector::Of(TakeArray(outer.array, selected_));
  return it->second;
}

void Frame::Fail(int64_t row, std::string message) {
  if (outer_ != nullptr) return outer_->Fail(selected_[row], std::move(message));
  failed_->push_back({static_cast<uint32_t>(row), std::move(message)});
}

NodePtr MakeColumnNode(const DataType& type, int column) {
  return std::make_unique<ColumnNode>(type, column);
}

NodePtr MakeConstantNode(const DataType& type, Vector value) {
  return std::make_unique<ConstantNode>(type, std::move(value));
}

NodePtr MakeCallNode(const DataType& type, bool fallible, bool strict,
                     std::unique_ptr<Kernel> kernel, std::vector<NodePtr> args) {
  if (std::all_of(args.begin(), args.end(),
                  [](const NodePtr& arg) { return arg->constant() != nullptr; })) {
    return Fold(type, strict, *kernel, args);
  }
  const bool any = fallible || AnyFallible(args);
  return std::make_unique<CallNode>(type, any, strict, std::move(kernel), std::move(args));
}

}  // namespace weir::expr
