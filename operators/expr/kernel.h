// What computes one function or cast over columns.
#ifndef WEIR_OPERATORS_EXPR_KERNEL_H_
#define WEIR_OPERATORS_EXPR_KERNEL_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "model/expr.h"
#include "model/function_table.h"
#include "operators/expr/vector.h"

namespace weir::expr {

struct RowError {
  int64_t row = 0;
  std::string message;
};

// Rows that a kernel failed on, in any order, at most once each per run.
class RowErrors {
 public:
  void Add(int64_t row, std::string message) { entries_.push_back({row, std::move(message)}); }
  const std::vector<RowError>& entries() const { return entries_; }

 private:
  std::vector<RowError> entries_;
};

// One function of one expression. Single-threaded; may keep scratch space between runs.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Each argument has `rows` rows or is constant; with rows == 1 all may be. No argument of a
  // strict function is a NULL constant. What the result holds in rows that fail doesn't matter.
  virtual Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) = 0;
};

// Makes the kernel of a call: `call.type` and the types of `call.args` are final, literals among
// the arguments may be prepared. INVALID_ARGUMENT when a literal can't work on any row.
using KernelFactory = std::function<absl::StatusOr<std::unique_ptr<Kernel>>(const Expr& call)>;

// How a row function says that its row is bad.
class Failure {
 public:
  void operator()(std::string message) { message_ = std::move(message), failed_ = true; }
  bool failed() const { return failed_; }
  std::string Take() {
    failed_ = false;
    return std::move(message_);
  }

 private:
  std::string message_;
  bool failed_ = false;
};

// Where a row function's results go, by result type.
template <class T>
class RowWriter {
 public:
  explicit RowWriter(int64_t rows) : out_(rows) {}
  template <class Fn, class... Args>
  void Write(int64_t row, Fn& fn, Failure& fail, Args... args) {
    if constexpr (std::is_invocable_v<Fn&, Args..., Failure&>) {
      out_.data()[row] = fn(args..., fail);
    } else {
      out_.data()[row] = fn(args...);
    }
  }
  void Skip(int64_t row) { out_.data()[row] = T{}; }
  Vector Finish(const DataType& type, int64_t rows, Bitmap validity) {
    return std::move(out_).Finish(type, rows, std::move(validity));
  }

 private:
  FixedOutput<T> out_;
};

template <>
class RowWriter<bool> {
 public:
  explicit RowWriter(int64_t rows) : bits_(rows, false) {}
  template <class Fn, class... Args>
  void Write(int64_t row, Fn& fn, Failure& fail, Args... args) {
    bool value = false;
    if constexpr (std::is_invocable_v<Fn&, Args..., Failure&>) {
      value = fn(args..., fail);
    } else {
      value = fn(args...);
    }
    if (value) bits_.Set(row);
  }
  void Skip(int64_t) {}
  Vector Finish(const DataType&, int64_t rows, Bitmap validity) {
    return FinishBooleans(std::move(bits_), rows, std::move(validity));
  }

 private:
  Bitmap bits_;
};

template <>
class RowWriter<std::string_view> {
 public:
  explicit RowWriter(int64_t rows) : out_(rows) {}
  template <class Fn, class... Args>
  void Write(int64_t row, Fn& fn, Failure& fail, Args... args) {
    if constexpr (std::is_invocable_v<Fn&, Args..., TextOutput&, Failure&>) {
      fn(args..., out_, fail);
    } else {
      fn(args..., out_);
    }
    if (!out_.EndRow(row)) fail("the texts of one batch would pass 2 GiB");
  }
  void Skip(int64_t row) { out_.EndRow(row); }
  Vector Finish(const DataType& type, int64_t rows, Bitmap validity) {
    return std::move(out_).Finish(type, rows, std::move(validity));
  }

 private:
  TextOutput out_;
};

// Runs `fn` on every row without NULL arguments. fn(args...) returns the result; of a text or bytea
// result it takes a TextOutput& to append to; one that may fail takes a Failure& last.
template <TypeKind kResult, class Fn, TypeKind... kArgs>
class RowKernel final : public Kernel {
 public:
  RowKernel(const DataType& type, Fn fn) : type_(type), fn_(std::move(fn)) {}
  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) override {
    return RunRows(std::index_sequence_for<CppType<kArgs>...>(), args, rows, errors);
  }

 private:
  template <size_t... kIndex>
  Vector RunRows(std::index_sequence<kIndex...>, std::span<const Vector> args, int64_t rows,
                 RowErrors& errors) {
    std::tuple<View<CppType<kArgs>>...> views{View<CppType<kArgs>>(args[kIndex])...};
    Bitmap valid = CombineValidity(args, rows);
    RowWriter<CppType<kResult>> out(rows);
    Failure failure;
    for (int64_t row = 0; row < rows; ++row) {
      if (valid.present() && !valid.Get(row)) {
        out.Skip(row);
        continue;
      }
      out.Write(row, fn_, failure, std::get<kIndex>(views)[row]...);
      if (failure.failed()) [[unlikely]]
        errors.Add(row, failure.Take());
    }
    return out.Finish(type_, rows, std::move(valid));
  }

  const DataType type_;
  Fn fn_;
};

template <TypeKind kResult, TypeKind... kArgs, class Fn>
std::unique_ptr<Kernel> MakeRowKernel(const DataType& type, Fn fn) {
  return std::make_unique<RowKernel<kResult, Fn, kArgs...>>(type, std::move(fn));
}

// The kernels by signature id.
class KernelRegistry {
 public:
  void Add(std::string id, KernelFactory factory);
  // nullptr when there is none.
  const KernelFactory* Find(std::string_view id) const;
  std::vector<std::string> Ids() const;

  // Registers `fn` as the row function of name(kArgs...).
  template <TypeKind kResult, TypeKind... kArgs, class Fn>
  void AddRows(std::string_view name, Fn fn) {
    Add(IdOf(name, {kArgs...}), [fn](const Expr& call) -> absl::StatusOr<std::unique_ptr<Kernel>> {
      return MakeRowKernel<kResult, kArgs...>(call.type, fn);
    });
  }
  // "name(integer,text)".
  static std::string IdOf(std::string_view name, std::initializer_list<TypeKind> kinds);

 private:
  absl::flat_hash_map<std::string, KernelFactory> factories_;
};

// All kernels. Lives for the process.
const KernelRegistry& AllKernels();

void AddArithmeticKernels(KernelRegistry& registry);
void AddNumericKernels(KernelRegistry& registry);
void AddComparisonKernels(KernelRegistry& registry);
void AddMathKernels(KernelRegistry& registry);
void AddTextKernels(KernelRegistry& registry);
void AddTextPieceKernels(KernelRegistry& registry);
void AddConcatKernels(KernelRegistry& registry);
void AddPatternKernels(KernelRegistry& registry);
void AddRegexKernels(KernelRegistry& registry);
void AddBytesKernels(KernelRegistry& registry);
void AddTimeKernels(KernelRegistry& registry);
void AddDateFieldKernels(KernelRegistry& registry);
void AddGreatestKernels(KernelRegistry& registry);

// The kernel of a cast, which takes one argument. INVALID_ARGUMENT when there is none. Types that
// lie in a batch alike need no kernel: nullptr.
absl::StatusOr<std::unique_ptr<Kernel>> MakeCastKernel(const DataType& from, const DataType& to);

// The literal argument `index` of a call, or nullptr when it is computed or NULL.
const Value* LiteralArgument(const Expr& call, int index);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_KERNEL_H_
