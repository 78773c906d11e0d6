#include "base/mutant.h"

#include <cstdlib>

namespace weir {

bool MutantIsNamed(std::string_view name) {
  static const char* const named = std::getenv("WEIR_MUTANT");
  return named != nullptr && name == named;
}

}  // namespace weir
