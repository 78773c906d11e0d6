// Kernels that are a function of one row's values.
#ifndef WEIR_OPERATORS_EXPR_ROW_KERNEL_H_
#define WEIR_OPERATORS_EXPR_ROW_KERNEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "operators/expr/kernel.h"
#include "operators/expr/vector_output.h"

namespace weir::expr {

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

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_ROW_KERNEL_H_
