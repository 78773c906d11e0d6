// Deliberate mistakes: tests/faults shows that its checker catches each of them.
//
// `weir` never contains one: there, Mutant() is false at compile time. The test program
// weir_mutants compiles the few sources that ask again, with WEIR_MUTANTS defined, and makes the
// mistake that the environment variable WEIR_MUTANT names.
#ifndef WEIR_BASE_MUTANT_H_
#define WEIR_BASE_MUTANT_H_

#include <string_view>

namespace weir {

#ifdef WEIR_MUTANTS
bool MutantIsNamed(std::string_view name);  // tests/faults/mutant.cc
inline bool Mutant(std::string_view name) { return MutantIsNamed(name); }
#else
constexpr bool Mutant(std::string_view) { return false; }
#endif

}  // namespace weir

#endif  // WEIR_BASE_MUTANT_H_
