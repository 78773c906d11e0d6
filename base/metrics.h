// Counters, gauges and histograms of a process, scraped at /metrics (prometheus-cpp behind it).
#ifndef WEIR_BASE_METRICS_H_
#define WEIR_BASE_METRICS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir {

using MetricLabels = std::map<std::string, std::string>;

// Thread-safe, lock-free to add to.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount) = 0;  // amount >= 0
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// One per process, made in cli/ and handed down. Thread-safe. A returned pointer stays valid until
// its label set is removed; asking again for the same name and labels returns the same
// one. `help` of the first call counts.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter* GetCounter(const std::string& name, const std::string& help,
                              const MetricLabels& labels) = 0;
  virtual Gauge* GetGauge(const std::string& name, const std::string& help,
                          const MetricLabels& labels) = 0;
  virtual Histogram* GetHistogram(const std::string& name, const std::string& help,
                                  const MetricLabels& labels,
                                  const std::vector<double>& buckets) = 0;
  // Drops every series that carries all these labels, whatever else it carries: a finished job's.
  virtual void RemoveSeries(const MetricLabels& labels) = 0;
  // Only the gauges among them: a task's that has moved, whose counters still count in sums.
  virtual void RemoveGauges(const MetricLabels& labels) = 0;
  // Prometheus text format.
  virtual std::string Serialize() = 0;
};

std::unique_ptr<Metrics> MakeMetrics();

}  // namespace weir

#endif  // WEIR_BASE_METRICS_H_
