#ifndef WEIR_BASE_VERSION_H_
#define WEIR_BASE_VERSION_H_

namespace weir {

// "0.1.0", as in CMakeLists.txt.
const char* Version();

}  // namespace weir

#endif  // WEIR_BASE_VERSION_H_
