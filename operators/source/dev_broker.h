// The broker of `weir dev --kafka`: librdkafka's in-process mock cluster, for trying things out.
#ifndef WEIR_OPERATORS_SOURCE_DEV_BROKER_H_
#define WEIR_OPERATORS_SOURCE_DEV_BROKER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace weir {

// Listens on random loopback ports until destroyed. Topics appear when first produced to, with four
// partitions. It keeps 5 MiB a partition and drops older records silently, knows no lookup by
// timestamp, and forgets everything when the process ends.
class DevBroker {
 public:
  virtual ~DevBroker() = default;
  // "127.0.0.1:40123", for producers.
  virtual const std::string& brokers() const = 0;
};

absl::StatusOr<std::unique_ptr<DevBroker>> StartDevBroker();

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_DEV_BROKER_H_
