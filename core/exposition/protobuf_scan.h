// One pass over a body of delimited MetricFamily messages on behalf of a ScrapeCache. Messages and fields:
// https://github.com/prometheus/client_model, metrics.proto. A metric whose family and label bytes stand
// where they stood last time costs a memory compare; so does each of its series.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bytes/protobuf.h"
#include "exposition/histogram_message.h"
#include "exposition/protobuf_keys.h"
#include "text/cache_scan.h"

namespace narthex {

class ProtobufScan : private CacheScan {
  public:
    ProtobufScan(ScrapeCache& cache, std::span<const uint8_t> body, const ScanOptions& options);
    // Throws DecodeError that names the family.
    ScanCounts run();

  private:
    // A Metric message taken apart. Messages inside are those that came last.
    struct Metric {
        std::span<const uint8_t> labels;
        std::optional<ProtoReader> counter, gauge, summary, untyped, histogram;
        int64_t timestamp;  // milliseconds
        bool timed;
    };

    void family(std::span<const uint8_t> message);
    void metric(ProtoReader in, const uint8_t* origin);
    Metric take_apart(ProtoReader in, const uint8_t* origin);
    void read_start(ProtoReader in);
    void counter(const Metric& m);
    void single(const Metric& m, std::optional<ProtoReader> value);
    void summary(const Metric& m);
    void histogram(const Metric& m);
    void classic(const Metric& m);
    void native_exemplars(uint32_t id);

    // The entry of a key, made when it is new.
    uint32_t entry(const KeyHeader& header, std::string_view a, std::string_view b, LineKind kind,
                   uint32_t parent);
    // A series of the metric; the first one becomes its head.
    uint32_t series(const Metric& m, Member member, double number = 0);
    void value(const Metric& m, uint32_t id, double v) {
        if (sample(id, m.timestamp, m.timed, v) && start_ != 0)
            set_start(cache_.ids_, cache_.starts_, start_);
    }
    void one_exemplar(uint32_t id, std::span<const uint8_t> message, std::optional<int64_t> fallback);
    [[noreturn]] void fail(const std::string& what) const;

    std::span<const uint8_t> body_;
    size_t at_ = 0;  // of the family that is being read
    bool trusted_;   // entries are those of a protobuf body
    MetricType type_ = MetricType::kUnknown;
    bool gauge_histogram_ = false;
    uint32_t family_ = kNoEntry;
    uint32_t head_ = kNoEntry;
    int64_t start_ = 0;   // of the metric, where start times are wanted and this one is known
    std::string labels_;  // of a metric whose labels do not lie side by side
    std::string key_;
    HistogramMessage message_;
    ClassicHistogram classic_;
};

}  // namespace narthex
