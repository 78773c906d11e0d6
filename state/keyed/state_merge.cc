#include "state/keyed/state_merge.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "state/keyed/rocks_sst_file.h"

namespace weir {
namespace {

std::string GroupPrefix(int64_t time, int group) {
  std::string prefix = StateTimeBytes(time);
  prefix += static_cast<char>(group >> 8);
  prefix += static_cast<char>(group);
  return prefix;
}

// One file, or one time of it, in key order, with only the entries that count.
struct Leaf {
  std::unique_ptr<SstCursor> cursor;
  const MergeInput* file = nullptr;
  size_t age = 0;               // position in the list: the larger, the newer
  std::optional<int64_t> time;  // only entries of it
  int64_t dead_up_to = kUndyingTime;
  StateEntry entry;

  // Moves on from a position that may not count to one that does; false at the end.
  bool Settle() {
    while (cursor->Valid()) {
      entry = cursor->entry();
      const int64_t at = StateTimeOf(entry.key);
      if (time && at != *time) return false;
      if (at != kUndyingTime && at <= dead_up_to) {
        cursor->Seek(StateTimeBytes(dead_up_to + 1));
        continue;
      }
      const int group = StateGroupOf(entry.key);
      if (file->key_groups.Contains(group)) return true;
      if (group < file->key_groups.begin) {
        cursor->Seek(GroupPrefix(at, file->key_groups.begin));
      } else if (time) {
        return false;
      } else {
        // Group 65535 is beyond all groups: the first entry of the next time.
        cursor->Seek(GroupPrefix(at, 0xffff));
      }
    }
    return false;
  }
};

// A heap of leaves, the next entry on top.
class MergeCursor : public StateCursor {
 public:
  // Keys are compared from byte `from` on; then by time, then newer files first.
  MergeCursor(std::vector<MergeInput> files, size_t from) : files_(std::move(files)), from_(from) {}

  absl::Status Add(size_t file, std::optional<int64_t> time, int64_t dead_up_to) {
    Leaf leaf;
    WEIR_ASSIGN_OR_RETURN(leaf.cursor, OpenSst(files_[file].path, files_[file].name));
    leaf.file = &files_[file];
    leaf.age = file;
    leaf.time = time;
    leaf.dead_up_to = dead_up_to;
    if (time) {
      leaf.cursor->Seek(GroupPrefix(*time, leaf.file->key_groups.begin));
    } else {
      leaf.cursor->SeekToFirst();
    }
    const bool any = leaf.Settle();
    WEIR_RETURN_IF_ERROR(leaf.cursor->status());
    if (any) leaves_.push_back(std::move(leaf));
    return absl::OkStatus();
  }
  void Begin() {
    for (Leaf& leaf : leaves_) heap_.push_back(&leaf);
    for (size_t i = heap_.size() / 2; i-- > 0;) SiftDown(i);
  }
  const std::vector<MergeInput>& files() const { return files_; }

  bool Valid() const override { return !heap_.empty() && status_.ok(); }
  StateEntry entry() const override { return heap_[0]->entry; }
  absl::Status status() const override { return status_; }

  void Next() override {
    last_.assign(heap_[0]->entry.key);
    do {
      Advance();
    } while (Valid() && heap_[0]->entry.key == last_);
  }

 private:
  void Advance() {
    Leaf& top = *heap_[0];
    top.cursor->Next();
    if (!top.Settle()) {
      status_ = top.cursor->status();
      heap_[0] = heap_.back();
      heap_.pop_back();
    }
    SiftDown(0);
  }

  bool Before(const Leaf& a, const Leaf& b) const {
    int order = a.entry.key.substr(from_).compare(b.entry.key.substr(from_));
    if (order == 0 && from_ > 0) {
      order = a.entry.key.substr(0, from_).compare(b.entry.key.substr(0, from_));
    }
    return order != 0 ? order < 0 : a.age > b.age;
  }

  void SiftDown(size_t i) {
    while (true) {
      size_t least = i;
      for (size_t child : {2 * i + 1, 2 * i + 2}) {
        if (child < heap_.size() && Before(*heap_[child], *heap_[least])) least = child;
      }
      if (least == i) return;
      std::swap(heap_[i], heap_[least]);
      i = least;
    }
  }

  const std::vector<MergeInput> files_;
  const size_t from_;
  std::vector<Leaf> leaves_;
  std::vector<Leaf*> heap_;
  std::string last_;
  absl::Status status_;
};

bool Holds(const MergeInput& file, int64_t time) {
  return file.first_time <= time && time <= file.last_time;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateCursor>> MergeAll(const std::vector<MergeInput>& files,
                                                      int64_t dead_up_to) {
  auto cursor = std::make_unique<MergeCursor>(files, 0);
  for (size_t f = 0; f < files.size(); ++f) {
    WEIR_RETURN_IF_ERROR(cursor->Add(f, std::nullopt, dead_up_to));
  }
  cursor->Begin();
  return std::unique_ptr<StateCursor>(std::move(cursor));
}

absl::StatusOr<std::unique_ptr<StateCursor>> MergeTimes(const std::vector<MergeInput>& files,
                                                        const std::vector<int64_t>& times) {
  auto cursor = std::make_unique<MergeCursor>(files, kStateTimeSize);
  for (size_t f = 0; f < files.size(); ++f) {
    for (int64_t time : times) {
      if (Holds(files[f], time)) {
        WEIR_RETURN_IF_ERROR(cursor->Add(f, time, kUndyingTime));
      }
    }
  }
  cursor->Begin();
  return std::unique_ptr<StateCursor>(std::move(cursor));
}

}  // namespace weir
