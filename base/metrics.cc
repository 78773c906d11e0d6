#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"

namespace weir {
namespace {

class PrometheusCounter : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter* c) : metric(c) {}
  void Add(double amount) override { metric->Increment(amount); }
  prometheus::Counter* const metric;
};

class PrometheusGauge : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge* g) : metric(g) {}
  void Set(double value) override { metric->Set(value); }
  prometheus::Gauge* const metric;
};

class PrometheusHistogram : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram* h) : metric(h) {}
  void Observe(double value) override { metric->Observe(value); }
  prometheus::Histogram* const metric;
};

// The series of one kind, by name and labels.
template <class Wrapper, class Metric>
class SeriesOf {
 public:
  template <class MakeFamily, class... Arguments>
  Wrapper* Get(const std::string& name, const MetricLabels& labels, MakeFamily make_family,
               const Arguments&... arguments) {
    auto [family_at, is_new] = families_.try_emplace(name);
    Family& family = family_at->second;
    if (is_new) family.metrics = &make_family();
    auto [series_at, is_new_series] = family.series.try_emplace(labels);
    if (is_new_series)
      series_at->second = std::make_unique<Wrapper>(&family.metrics->Add(labels, arguments...));
    return series_at->second.get();
  }

  bool Has(const std::string& name) const { return families_.count(name) > 0; }

  void Remove(const MetricLabels& labels) {
    for (auto& [name, family] : families_) {
      for (auto it = family.series.begin(); it != family.series.end();) {
        const bool goes = std::includes(it->first.begin(), it->first.end(), labels.begin(),
                                        labels.end());  // maps are sorted
        if (goes) family.metrics->Remove(it->second->metric);
        it = goes ? family.series.erase(it) : std::next(it);
      }
    }
  }

 private:
  struct Family {
    prometheus::Family<Metric>* metrics = nullptr;  // owned by the registry
    std::map<MetricLabels, std::unique_ptr<Wrapper>> series;
  };
  std::map<std::string, Family> families_;
};

class PrometheusMetrics : public Metrics {
 public:
  Counter* GetCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels) override {
    absl::MutexLock lock(&mutex_);
    WEIR_CHECK(!gauges_.Has(name) && !histograms_.Has(name), "another kind of metric: ", name);
    return counters_.Get(
        name, labels, [&]() -> auto& {
          return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
        });
  }

  Gauge* GetGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels) override {
    absl::MutexLock lock(&mutex_);
    WEIR_CHECK(!counters_.Has(name) && !histograms_.Has(name), "another kind of metric: ", name);
    return gauges_.Get(
        name, labels, [&]() -> auto& {
          return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
        });
  }

  Histogram* GetHistogram(const std::string& name, const std::string& help,
                          const MetricLabels& labels, const std::vector<double>& buckets) override {
    absl::MutexLock lock(&mutex_);
    WEIR_CHECK(!counters_.Has(name) && !gauges_.Has(name), "another kind of metric: ", name);
    return histograms_.Get(
        name, labels,
        [&]() -> auto& {
          return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
        },
        buckets);
  }

  void RemoveSeries(const MetricLabels& labels) override {
    absl::MutexLock lock(&mutex_);
    counters_.Remove(labels);
    gauges_.Remove(labels);
    histograms_.Remove(labels);
  }

  void RemoveGauges(const MetricLabels& labels) override {
    absl::MutexLock lock(&mutex_);
    gauges_.Remove(labels);
  }

  std::string Serialize() override {
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  prometheus::Registry registry_;  // thread-safe
  absl::Mutex mutex_;
  SeriesOf<PrometheusCounter, prometheus::Counter> counters_ ABSL_GUARDED_BY(mutex_);
  SeriesOf<PrometheusGauge, prometheus::Gauge> gauges_ ABSL_GUARDED_BY(mutex_);
  SeriesOf<PrometheusHistogram, prometheus::Histogram> histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Metrics> MakeMetrics() { return std::make_unique<PrometheusMetrics>(); }

}  // namespace weir
