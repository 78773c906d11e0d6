// What computes one function or cast over columns.
#ifndef WEIR_OPERATORS_EXPR_KERNEL_H_
#define WEIR_OPERATORS_EXPR_KERNEL_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_KERNEL_H_
