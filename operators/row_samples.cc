#include "operators/row_samples.h"

#include <utility>

#include "base/short_text.h"

namespace weir {
namespace {

void Keep(RowSample sample, std::deque<RowSample>* kept) {
  sample.message = ShortText(sample.message, kSampleTextMax);
  sample.payload = ShortText(sample.payload, kSampleTextMax);
  kept->push_back(std::move(sample));
  if (kept->size() > kSamplesKept) kept->pop_front();
}

}  // namespace

void RowSamples::AddBad(RowSample sample) {
  ++new_bad_;
  Keep(std::move(sample), &bad_);
}

void RowSamples::AddLate(RowSample sample) {
  ++new_late_;
  Keep(std::move(sample), &late_);
}

std::vector<RowSample> RowSamples::All() const {
  std::vector<RowSample> all(bad_.begin(), bad_.end());
  all.insert(all.end(), late_.begin(), late_.end());
  return all;
}

}  // namespace weir
