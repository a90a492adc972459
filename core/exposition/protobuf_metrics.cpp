// What becomes of a metric, by the type of its family.
#include <limits>

#include "bytes/utf8.h"
#include "chunk/stale.h"
#include "exposition/protobuf_scan.h"

namespace narthex {

void ProtobufScan::metric(ProtoReader in, const uint8_t* origin) {
    Metric m = take_apart(in, origin);
    head_ = kNoEntry;
    start_ = 0;
    switch (type_) {
        case MetricType::kCounter:
            return counter(m);
        case MetricType::kGauge:
            return single(m, m.gauge);
        case MetricType::kSummary:
            return summary(m);
        case MetricType::kHistogram:
        case MetricType::kGaugeHistogram:
            return histogram(m);
        default:
            return single(m, m.untyped);
    }
}

void ProtobufScan::read_start(ProtoReader in) {
    if (options_.starts) start_ = read_timestamp(in).value_or(0);
}

// A message that is missing has the values that its fields have when they are missing.
void ProtobufScan::counter(const Metric& m) {
    double v = 0;
    std::optional<std::span<const uint8_t>> exemplar;
    if (m.counter) {
        ProtoReader in = *m.counter;
        while (in.next()) {
            switch (in.field()) {
                case 1:
                    v = plain_number(in.float64());
                    break;
                case 2:
                    exemplar = in.bytes();
                    break;
                case 3:
                    read_start(in.message());
                    break;
                default:
                    in.skip();
            }
        }
    }
    uint32_t id = series(m, Member::kValue);
    value(m, id, v);
    if (exemplar) one_exemplar(id, *exemplar, m.timestamp);
}

void ProtobufScan::single(const Metric& m, std::optional<ProtoReader> message) {
    double v = 0;
    while (message && message->next()) {
        if (message->field() == 1) {
            v = plain_number(message->float64());
        } else {
            message->skip();
        }
    }
    value(m, series(m, Member::kValue), v);
}

void ProtobufScan::summary(const Metric& m) {
    uint64_t count = 0;
    double sum = 0;
    if (m.summary) {
        ProtoReader in = *m.summary;
        while (in.next()) {
            switch (in.field()) {
                case 1:
                    count = in.uint64();
                    break;
                case 2:
                    sum = plain_number(in.float64());
                    break;
                case 4:
                    read_start(in.message());
                    break;
                default:
                    in.skip();
            }
        }
    }
    value(m, series(m, Member::kCount), static_cast<double>(count));
    value(m, series(m, Member::kSum), sum);
    if (!m.summary) return;
    ProtoReader in = *m.summary;
    while (in.next()) {
        if (in.field() != 3) {
            in.skip();
            continue;
        }
        ProtoReader pair = in.message();
        double quantile = 0, v = 0;
        while (pair.next()) {
            switch (pair.field()) {
                case 1:
                    quantile = plain_number(pair.float64());
                    break;
                case 2:
                    v = plain_number(pair.float64());
                    break;
                default:
                    pair.skip();
            }
        }
        value(m, series(m, Member::kQuantile, quantile), v);
    }
}

void ProtobufScan::histogram(const Metric& m) {
    message_.read(m.histogram ? *m.histogram : ProtoReader({}));
    if (options_.starts) start_ = message_.start();
    bool native = options_.histograms.native && message_.is_native();
    if (native) {
        uint32_t id = series(m, Member::kHistogram);
        int64_t timestamp = m.timestamp;
        ++counts_.histograms;
        if (take(id, timestamp, m.timed)) {
            ScrapeCache::Histograms& all = cache_.histograms_;
            bool fits =
                message_.add_native(type_ == MetricType::kGaugeHistogram, options_.histograms, all.values);
            all.ids.push_back(id);
            all.timestamps.push_back(timestamp);
            all.over_limit.push_back(!fits);
            if (start_ != 0) set_start(all.ids, all.starts, start_);
        }
        native_exemplars(id);
    }
    bool convert = !native && options_.histograms.convert;
    if (convert) {
        classic_.clear();
        for (const ClassicBucket& bucket : message_.buckets()) classic_.bucket(bucket.bound, bucket.count);
        classic_.count(message_.count());
        classic_.sum(message_.sum());
        if (classic_.settle()) {
            uint32_t id = series(m, Member::kHistogram);
            ScrapeCache::Histograms& all = cache_.histograms_;
            if (converted(id, m.timestamp, m.timed, type_ == MetricType::kGaugeHistogram, classic_) &&
                start_ != 0)
                set_start(all.ids, all.starts, start_);
            native_exemplars(id);
        }
    }
    if (!(native || convert) || (options_.histograms.classic && !message_.buckets().empty())) classic(m);
}

void ProtobufScan::classic(const Metric& m) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    value(m, series(m, Member::kCount), message_.count());
    value(m, series(m, Member::kSum), message_.sum());
    bool infinite = false;
    for (const ClassicBucket& bucket : message_.buckets()) {
        infinite = bucket.bound == kInfinity;
        uint32_t id = series(m, Member::kBucket, bucket.bound);
        value(m, id, bucket.count);
        if (bucket.has_exemplar) one_exemplar(id, bucket.exemplar, m.timestamp);
    }
    // The last bucket may be left out.
    if (!infinite) value(m, series(m, Member::kBucket, kInfinity), message_.count());
}

// Of a native histogram, exemplars without a time are of no use: nothing tells the newest ones.
void ProtobufScan::native_exemplars(uint32_t id) {
    for (std::span<const uint8_t> exemplar : message_.exemplars()) one_exemplar(id, exemplar, std::nullopt);
    if (!message_.exemplars().empty()) return;
    for (const ClassicBucket& bucket : message_.buckets()) {
        if (bucket.has_exemplar) one_exemplar(id, bucket.exemplar, std::nullopt);
    }
}

void ProtobufScan::one_exemplar(uint32_t id, std::span<const uint8_t> message,
                                std::optional<int64_t> fallback) {
    ++counts_.exemplars;
    if (!options_.exemplars) return;
    double v = 0;
    std::optional<int64_t> timestamp = fallback;
    LabelViews labels;
    bool valid = true;
    ProtoReader in(message);
    while (in.next()) {
        switch (in.field()) {
            case 1: {
                auto [name, text] = read_label(in.message());
                valid = valid && is_utf8(name) && is_utf8(text);
                labels.emplace_back(name, text);
                break;
            }
            case 2:
                v = plain_number(in.float64());
                break;
            case 3:
                timestamp = read_timestamp(in.message());
                break;
            default:
                in.skip();
        }
    }
    if (valid && timestamp) exemplar(id, *timestamp, v, labels);
}

}  // namespace narthex
