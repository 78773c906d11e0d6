// AND, OR, NOT and IS NULL, on bitmaps.
#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "operators/expr/node.h"
#include "operators/expr/vector_output.h"

namespace weir::expr {
namespace {

const DataType kBooleanType = DataType::Of(TypeKind::kBoolean);

// A boolean per row in two bitmaps, so that NULL is neither.
struct Truth {
  Bitmap is_true;
  Bitmap is_false;

  explicit Truth(int64_t rows) : is_true(rows, false), is_false(rows, false) {}

  static Truth Of(const Vector& v, int64_t rows) {
    Truth out(rows);
    for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
      const uint64_t all = LoadWord(nullptr, 0, w, rows);
      uint64_t valid = 0, value = 0;
      if (v.constant) {
        valid = v.IsNull(0) ? 0 : all;
        value = valid != 0 && View<bool>(v)[0] ? all : 0;
      } else {
        valid = LoadWord(v.validity, v.bit_offset, w, rows);
        value = LoadWord(static_cast<const uint8_t*>(v.values), v.bit_offset, w, rows);
      }
      out.is_true.SetWord(w, value & valid);
      out.is_false.SetWord(w, ~value & valid);
    }
    return out;
  }

  // Destroys this.
  Vector ToVector(int64_t rows) {
    for (int64_t w = 0; w < (rows + 63) / 64; ++w) is_false.words()[w] |= is_true.words()[w];
    return FinishBooleans(std::move(is_true), rows, std::move(is_false));
  }
};

// Evaluates arguments from left to right. An argument that may fail only sees the rows that the
// ones before leave undecided: b <> 0 AND a / b > 1.
class LogicNode final : public Node {
 public:
  LogicNode(bool conjunction, bool fallible, std::vector<NodePtr> args)
      : Node(kBooleanType, fallible), conjunction_(conjunction), args_(std::move(args)) {}

  Vector Evaluate(Frame& frame) const override {
    const int64_t rows = frame.rows();
    Truth result = Truth::Of(args_[0]->Evaluate(frame), rows);
    for (size_t i = 1; i < args_.size(); ++i) {
      std::vector<uint32_t> undecided = Undecided(result, rows);
      if (undecided.empty()) break;
      const bool all = static_cast<int64_t>(undecided.size()) == rows;
      if (all || !args_[i]->fallible()) {
        Combine(Truth::Of(args_[i]->Evaluate(frame), rows), rows, &result);
      } else {
        Frame inner(&frame, undecided);
        const Vector values = args_[i]->Evaluate(inner);
        Combine(Spread(values, undecided, rows), rows, &result);
      }
    }
    return result.ToVector(rows);
  }

 private:
  // Bits that settle a row whatever the other arguments are: FALSE for AND, TRUE for OR.
  Bitmap& Settled(Truth& truth) const { return conjunction_ ? truth.is_false : truth.is_true; }
  Bitmap& Neutral(Truth& truth) const { return conjunction_ ? truth.is_true : truth.is_false; }

  std::vector<uint32_t> Undecided(Truth& result, int64_t rows) const {
    std::vector<uint32_t> undecided;
    for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
      uint64_t word = ~Settled(result).words()[w] & LoadWord(nullptr, 0, w, rows);
      for (; word != 0; word &= word - 1) {
        undecided.push_back(static_cast<uint32_t>(w * 64 + __builtin_ctzll(word)));
      }
    }
    return undecided;
  }

  void Combine(Truth arg, int64_t rows, Truth* result) const {
    for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
      Settled(*result).words()[w] |= Settled(arg).words()[w];
      Neutral(*result).words()[w] &= Neutral(arg).words()[w];
    }
  }

  // Packed values back to their rows; the other rows are settled, so any value does.
  Truth Spread(const Vector& values, const std::vector<uint32_t>& at, int64_t rows) const {
    Truth out(rows);
    if (values.is_null_constant()) return out;
    View<bool> bits(values);
    for (size_t i = 0; i < at.size(); ++i) {
      if (values.IsNull(static_cast<int64_t>(i))) continue;
      (bits[static_cast<int64_t>(i)] ? out.is_true : out.is_false).Set(at[i]);
    }
    return out;
  }

  const bool conjunction_;
  const std::vector<NodePtr> args_;
};

class NotNode final : public Node {
 public:
  explicit NotNode(NodePtr arg) : Node(kBooleanType, arg->fallible()), arg_(std::move(arg)) {}
  Vector Evaluate(Frame& frame) const override {
    Truth truth = Truth::Of(arg_->Evaluate(frame), frame.rows());
    std::swap(truth.is_true, truth.is_false);
    return truth.ToVector(frame.rows());
  }

 private:
  const NodePtr arg_;
};

class IsNullNode final : public Node {
 public:
  explicit IsNullNode(NodePtr arg) : Node(kBooleanType, arg->fallible()), arg_(std::move(arg)) {}
  Vector Evaluate(Frame& frame) const override {
    const int64_t rows = frame.rows();
    const Vector value = arg_->Evaluate(frame);
    Bitmap nulls(rows, value.is_null_constant());
    if (!value.constant) {
      for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
        nulls.SetWord(w, ~LoadWord(value.validity, value.bit_offset, w, rows));
      }
    }
    return FinishBooleans(std::move(nulls), rows, Bitmap());
  }

 private:
  const NodePtr arg_;
};

}  // namespace

NodePtr MakeLogicNode(bool conjunction, std::vector<NodePtr> args) {
  const bool fallible =
      std::any_of(args.begin(), args.end(), [](const NodePtr& arg) { return arg->fallible(); });
  return std::make_unique<LogicNode>(conjunction, fallible, std::move(args));
}

NodePtr MakeNotNode(NodePtr arg) { return std::make_unique<NotNode>(std::move(arg)); }
NodePtr MakeIsNullNode(NodePtr arg) { return std::make_unique<IsNullNode>(std::move(arg)); }

}  // namespace weir::expr
