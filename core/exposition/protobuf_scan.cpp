#include "exposition/protobuf_scan.h"

#include "bytes/error.h"
#include "bytes/reader.h"
#include "bytes/utf8.h"
#include "labels/symbols.h"

namespace narthex {

namespace {

// Types as the messages number them.
MetricType metric_type(uint64_t number, const ProtoReader& in) {
    switch (number) {
        case 0:
            return MetricType::kCounter;
        case 1:
            return MetricType::kGauge;
        case 2:
            return MetricType::kSummary;
        case 3:
            return MetricType::kUnknown;
        case 4:
            return MetricType::kHistogram;
        case 5:
            return MetricType::kGaugeHistogram;
        default:
            in.fail("unknown metric type " + std::to_string(number));
    }
}

std::string_view chars(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool ends_with_unit(std::string_view name, std::string_view unit, MetricType type) {
    if (unit.empty()) return true;
    if (type == MetricType::kCounter && name.ends_with("_total")) name.remove_suffix(6);
    return name.size() > unit.size() && name.ends_with(unit) && name[name.size() - unit.size() - 1] == '_';
}

}  // namespace

ProtobufScan::ProtobufScan(ScrapeCache& cache, std::span<const uint8_t> body, const ScanOptions& options)
    : CacheScan(cache, options), body_(body), trusted_(!cache.format_ && !cache.entries_.empty()) {}

ScanCounts ProtobufScan::run() {
    ByteReader in(body_);
    while (!in.empty()) {
        at_ = in.position();
        uint64_t size = in.uvarint();
        if (size > in.remaining()) in.fail("a metric family runs past the end of the body");
        try {
            family(in.bytes(static_cast<size_t>(size)));
        } catch (const DecodeError& e) {
            throw DecodeError("metric family at byte " + std::to_string(at_), e);
        }
    }
    return counts_;
}

void ProtobufScan::fail(const std::string& what) const {
    std::string name =
        family_ == kNoEntry ? "" : " (" + cache_.protobuf_family(cache_.entries_[family_]).family + ")";
    throw DecodeError(what + name, at_);
}

void ProtobufScan::family(std::span<const uint8_t> message) {
    // Name and type may come behind the metrics, so metrics are read in a second pass.
    std::string_view name, help, unit;
    uint64_t number = 0;
    family_ = kNoEntry;
    ProtoReader in(message);
    while (in.next()) {
        switch (in.field()) {
            case 1:
                name = in.string();
                break;
            case 2:
                help = in.string();
                break;
            case 3:
                number = in.uint64();
                break;
            case 5:
                unit = in.string();
                break;
            default:
                in.skip();
        }
    }
    type_ = metric_type(number, in);
    if (name.empty()) fail("a metric family without a name");
    if (!ends_with_unit(name, unit, type_)) fail("the name of the metric family does not end with its unit");
    uint32_t before = static_cast<uint32_t>(cache_.entries_.size());
    uint32_t id = entry(KeyHeader::family(type_, name.size()), name, unit, LineKind::kFamily, kNoEntry);
    if (id >= before && !(is_utf8(name) && is_utf8(unit)))
        fail("invalid UTF-8 in the name of a metric family");
    cache_.entries_[id].ref = static_cast<uint64_t>(type_);
    family_ = id;
    if (!help.empty()) entry(KeyHeader::help(cache_.links_[id].serial), help, {}, LineKind::kHelp, id);
    ProtoReader metrics(message);
    while (metrics.next()) {
        if (metrics.field() == 4) {
            metric(metrics.message(), message.data());
        } else {
            metrics.skip();
        }
    }
}

ProtobufScan::Metric ProtobufScan::take_apart(ProtoReader in, const uint8_t* origin) {
    Metric m{{}, {}, {}, {}, {}, {}, options_.default_timestamp, false};
    bool scattered = false;
    for (size_t at = in.offset(); in.next(); at = in.offset()) {
        switch (in.field()) {
            case 1: {
                in.bytes();
                std::span<const uint8_t> field(origin + at, in.offset() - at);
                if (m.labels.empty()) {
                    m.labels = field;
                } else if (!scattered && m.labels.data() + m.labels.size() == field.data()) {
                    m.labels = {m.labels.data(), m.labels.size() + field.size()};
                } else {
                    if (!scattered) labels_ = chars(m.labels);
                    scattered = true;
                    labels_ += chars(field);
                }
                break;
            }
            case 2:
                m.gauge = in.message();
                break;
            case 3:
                m.counter = in.message();
                break;
            case 4:
                m.summary = in.message();
                break;
            case 5:
                m.untyped = in.message();
                break;
            case 6:
                // A timestamp of 0 is none.
                if (int64_t t = in.int64(); t != 0) {
                    m.timestamp = options_.honor_timestamps ? t : options_.default_timestamp;
                    m.timed = true;
                }
                break;
            case 7:
                m.histogram = in.message();
                break;
            default:
                in.skip();
        }
    }
    if (scattered) m.labels = {reinterpret_cast<const uint8_t*>(labels_.data()), labels_.size()};
    return m;
}

uint32_t ProtobufScan::series(const Metric& m, Member member, double number) {
    if (head_ != kNoEntry)
        return entry(KeyHeader::member(member, number, cache_.links_[head_].serial), {}, {},
                     LineKind::kSeries, head_);
    uint32_t before = static_cast<uint32_t>(cache_.entries_.size());
    head_ = entry(KeyHeader::head(member, cache_.links_[family_].serial), chars(m.labels), {},
                  LineKind::kSeries, family_);
    if (head_ >= before) {
        bool buckets = type_ == MetricType::kHistogram || type_ == MetricType::kGaugeHistogram;
        std::string_view more = type_ == MetricType::kSummary ? "quantile" : buckets ? "le" : "";
        std::string problem = label_problem(m.labels, more);
        if (!problem.empty()) fail(problem);
    }
    return head_;
}

uint32_t ProtobufScan::entry(const KeyHeader& header, std::string_view a, std::string_view b, LineKind kind,
                             uint32_t parent) {
    std::string_view fixed = header.bytes();
    uint32_t id = kNoEntry;
    if (trusted_ && expected_ < cache_.placed_) {
        std::string_view known = cache_.text(cache_.entries_[expected_]);
        if (known.size() == fixed.size() + a.size() + b.size() && known.starts_with(fixed) &&
            known.substr(fixed.size()).starts_with(a) && known.ends_with(b)) {
            id = expected_;
        }
    }
    if (id == kNoEntry) {
        key_.assign(fixed).append(a).append(b);
        auto hash = static_cast<uint32_t>(hash_bytes(key_));
        id = cache_.find(key_, hash);
        if (id == kNoEntry) {
            if (key_.size() > ScrapeCache::kMaxText) fail("names and labels that are too long");
            id = cache_.insert_linked(key_, hash, kind, parent);
        }
    }
    meet(id);
    return id;
}

}  // namespace narthex
