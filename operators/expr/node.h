// The compiled form of an expression: a tree of nodes, each giving a vector for a frame of rows.
#ifndef WEIR_OPERATORS_EXPR_NODE_H_
#define WEIR_OPERATORS_EXPR_NODE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "model/expr.h"
#include "operators/expr/evaluator.h"
#include "operators/expr/kernel.h"
#include "operators/expr/vector.h"

namespace weir::expr {

// The rows a node works on, at least one: a whole batch, or some rows of an outer frame, packed.
// CASE and AND make inner frames, so that a branch never sees a row that doesn't reach it.
class Frame {
 public:
  Frame(const arrow::RecordBatch& batch, std::vector<Evaluator::Failed>* failed);
  // `rows` are rows of `outer`, ascending, not empty. `outer` outlives this.
  Frame(Frame* outer, std::vector<uint32_t> rows);

  int64_t rows() const { return rows_; }
  // The column restricted to the frame's rows; packed at first use.
  Vector Column(int index);
  // Row `row` of this frame can't be computed.
  void Fail(int64_t row, std::string message);

 private:
  const arrow::RecordBatch* batch_ = nullptr;  // outermost frame only
  Frame* outer_ = nullptr;
  const std::vector<uint32_t> selected_;
  const int64_t rows_;
  std::vector<Evaluator::Failed>* const failed_;
  absl::flat_hash_map<int, Vector> columns_;
};

// Immutable but for the kernels' scratch space; one thread.
class Node {
 public:
  explicit Node(const DataType& type, bool fallible) : type_(type), fallible_(fallible) {}
  virtual ~Node() = default;
  // A value for each row of the frame, or a constant. Rows that failed are NULL.
  virtual Vector Evaluate(Frame& frame) const = 0;
  // The value of every row, when that is known beforehand.
  virtual const Vector* constant() const { return nullptr; }

  const DataType& type() const { return type_; }
  // Whether some row may fail; a node that can't may be evaluated on rows that don't need it.
  bool fallible() const { return fallible_; }

 private:
  const DataType type_;
  const bool fallible_;
};

using NodePtr = std::unique_ptr<Node>;

absl::StatusOr<NodePtr> CompileExpr(const Expr& expr, const Schema& input);

NodePtr MakeColumnNode(const DataType& type, int column);
NodePtr MakeConstantNode(const DataType& type, Vector value);
// `strict`: a NULL argument makes NULL without the kernel. Folds to a constant when all arguments
// are constant.
NodePtr MakeCallNode(const DataType& type, bool fallible, bool strict,
                     std::unique_ptr<Kernel> kernel, std::vector<NodePtr> args);
// `conjunction`: AND, else OR.
NodePtr MakeLogicNode(bool conjunction, std::vector<NodePtr> args);
NodePtr MakeNotNode(NodePtr arg);
NodePtr MakeIsNullNode(NodePtr arg);
// when1, then1, ..., else.
NodePtr MakeCaseNode(const DataType& type, std::vector<NodePtr> args);
NodePtr MakeCoalesceNode(const DataType& type, std::vector<NodePtr> args);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_NODE_H_
