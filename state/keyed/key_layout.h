// Sizes that the encoder and the decoder of keys agree on. Private to state/keyed.
#ifndef WEIR_STATE_KEYED_KEY_LAYOUT_H_
#define WEIR_STATE_KEYED_KEY_LAYOUT_H_

#include <cstdint>

#include "model/types.h"

namespace weir {

// Whether values carry their length.
bool IsVariable(TypeKind kind);
// Bytes of a value that isn't NULL, tag included. CHECKs for a variable kind.
int32_t FixedKeySize(TypeKind kind);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_KEY_LAYOUT_H_
