// Collects samples of a task's bad and late rows.
#ifndef WEIR_OPERATORS_ROW_SAMPLES_H_
#define WEIR_OPERATORS_ROW_SAMPLES_H_

#include <deque>
#include <vector>

#include "model/row_sample.h"

namespace weir {

// Slot thread of its task only.
class RowSamples {
 public:
  // Whether the next sample of that kind is wanted: a flood of bad rows must not cost more than its
  // first few until Renew.
  bool wants_bad() const { return new_bad_ < kSamplesKept; }
  bool wants_late() const { return new_late_ < kSamplesKept; }
  void AddBad(RowSample sample);
  void AddLate(RowSample sample);
  // More samples are wanted; a few times a second.
  void Renew() { new_bad_ = new_late_ = 0; }
  // Those kept, bad ones first, oldest first.
  std::vector<RowSample> All() const;

 private:
  std::deque<RowSample> bad_, late_;
  size_t new_bad_ = 0, new_late_ = 0;  // since Renew
};

}  // namespace weir

#endif  // WEIR_OPERATORS_ROW_SAMPLES_H_
