#include "operators/decode/json_keys.h"

#include <algorithm>
#include <utility>

#include "base/string_view.h"
#include "operators/decode/json_string.h"

namespace weir {
namespace {

// Producers that put data into keys must not fill the memory.
constexpr size_t kMostKnown = 4096;

}  // namespace

JsonKeys::JsonKeys(const Schema& declared, std::vector<int> target)
    : declared_(declared), target_(std::move(target)), known_(1) {
  known_[0].size = static_cast<size_t>(-1);  // No key is that long: it never matches.
}

int JsonKeys::FindSlow(std::string_view key, Place* place) {
  auto found = places_.find(AbslView(key));
  if (found != places_.end()) {
    known_[*place].next = found->second;
    *place = found->second;
    return known_[found->second].target;
  }
  const int target = TargetOf(key);
  if (known_.size() >= kMostKnown) {
    *place = kStart;
    return target;
  }
  Known known;
  known.key = std::string(key);
  known.size = key.size();
  for (size_t i = 0; i < std::min<size_t>(key.size(), 16); ++i) {
    reinterpret_cast<char*>(known.head)[i] = key[i];
    reinterpret_cast<char*>(known.mask)[i] = static_cast<char>(0xff);
  }
  known.target = target;
  const Place added = static_cast<Place>(known_.size());
  places_.emplace(known.key, added);
  known_.push_back(std::move(known));
  known_[*place].next = added;
  *place = added;
  return target;
}

int JsonKeys::TargetOf(std::string_view key) const {
  std::string unescaped(key.size(), '\0');
  char* end = UnescapeJson(key, unescaped.data());
  if (end == nullptr) return -1;  // Not reached: the key was checked.
  unescaped.resize(static_cast<size_t>(end - unescaped.data()));
  const int column = FindColumn(declared_, unescaped);
  return column < 0 ? -1 : target_[static_cast<size_t>(column)];
}

}  // namespace weir
