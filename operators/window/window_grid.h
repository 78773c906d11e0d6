// Arithmetic of windows and panes (Li et al., "No pane, no gain", 2005): windows are
// [origin + k*slide, origin + k*slide + size), panes are gcd(size, slide) long and named by their
// end. Times are microseconds.
#ifndef WEIR_OPERATORS_WINDOW_WINDOW_GRID_H_
#define WEIR_OPERATORS_WINDOW_WINDOW_GRID_H_

#include <cstdint>
#include <limits>

#include "model/plan.h"

namespace weir {

class WindowGrid {
 public:
  // Longest size and slide: 4,500 years. Keeps all sums from wrapping.
  static constexpr int64_t kLongest = int64_t{1} << 57;

  // REQUIRES: 0 < size, slide <= kLongest.
  explicit WindowGrid(const WindowSpec& spec)
      : size_(spec.size_us),
        slide_(spec.slide_us),
        pane_(spec.pane_us()),
        origin_(spec.origin_us % spec.slide_us) {}

  int64_t size() const { return size_; }
  int64_t slide() const { return slide_; }
  int64_t pane() const { return pane_; }
  bool tumbling() const { return size_ == slide_; }

  // Whether every window that `time` may belong to has bounds that are times themselves. The
  // functions below require it.
  bool Representable(int64_t time) const {
    const int64_t reach = 2 * (size_ + slide_);
    return time > std::numeric_limits<int64_t>::min() + reach &&
           time < std::numeric_limits<int64_t>::max() - reach;
  }

  // Whether a pane that some window holds ends there.
  bool IsPaneEnd(int64_t time) const {
    return Representable(time) && PaneEnd(time - 1) == time && InWindow(time);
  }
  // End of the pane that holds `time`.
  int64_t PaneEnd(int64_t time) const { return Floor(time, pane_) + pane_; }
  // Ends of the first and the last window that hold the pane.
  int64_t FirstWindowEnd(int64_t pane_end) const {
    return Floor(pane_end - size_ + slide_ - 1, slide_) + size_;
  }
  int64_t LastWindowEnd(int64_t pane_end) const { return Floor(pane_end - pane_, slide_) + size_; }
  // Whether any window holds the pane: with slide > size there are gaps.
  bool InWindow(int64_t pane_end) const { return LastWindowEnd(pane_end) >= pane_end; }

 private:
  // The largest origin + k*step that is <= time.
  int64_t Floor(int64_t time, int64_t step) const {
    const int64_t past = (time - origin_) % step;
    return time - (past < 0 ? past + step : past);
  }

  int64_t size_, slide_, pane_;
  int64_t origin_;  // within one slide of 1970
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_WINDOW_GRID_H_
