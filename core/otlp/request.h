// An OTLP metrics request (opentelemetry-proto's ExportMetricsServiceRequest) as columns. Only its form is
// judged here; what becomes of it is for columns.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "labels/symbols.h"

namespace narthex {

// `key` is a symbol of OtlpRequest::keys, `value` one of OtlpRequest::texts.
struct OtlpAttribute {
    uint32_t key;
    uint32_t value;
};

// Half-open, into one of the request's columns.
struct OtlpRange {
    uint32_t first = 0, last = 0;
    uint32_t size() const { return last - first; }
};

enum class OtlpKind : uint8_t { kNone, kGauge, kSum, kHistogram, kExponential, kSummary };
enum class OtlpTemporality : uint8_t { kUnspecified, kDelta, kCumulative };

struct OtlpResource {
    std::vector<OtlpAttribute> attributes;
};

struct OtlpScope {
    uint32_t resource = 0;
    uint32_t name = 0, version = 0, schema_url = 0;  // symbols of OtlpRequest::texts
    std::vector<OtlpAttribute> attributes;
};

struct OtlpMetric {
    uint32_t scope = 0;
    uint32_t name = 0, unit = 0, description = 0;  // symbols of OtlpRequest::texts
    OtlpKind kind = OtlpKind::kNone;
    uint64_t temporality = 0;  // as sent; see OtlpTemporality
    bool monotonic = false;
    OtlpRange points;
};

// Times are nanoseconds since 1970, 0 where none was sent.
struct OtlpPoint {
    OtlpRange attributes;
    OtlpRange exemplars;
    uint64_t time = 0, start = 0;
    bool no_value = false;  // flagged as having no recorded value
    double number = 0;      // of gauges and sums; the sum of the others
    bool has_sum = false;
    uint32_t detail = 0;  // of histograms of both kinds and summaries: into their column
};

struct OtlpHistogram {
    uint64_t count = 0;
    OtlpRange buckets;  // into OtlpRequest::counts
    OtlpRange bounds;   // into OtlpRequest::doubles
};

struct OtlpExponential {
    struct Buckets {
        int32_t offset = 0;
        OtlpRange counts;  // into OtlpRequest::counts
    };
    uint64_t count = 0, zero_count = 0;
    int32_t scale = 0;
    Buckets positive, negative;
};

struct OtlpSummary {
    uint64_t count = 0;
    OtlpRange quantiles;  // into OtlpRequest::doubles: quantile, value, quantile, value ...
};

struct OtlpExemplar {
    uint64_t time = 0;  // nanoseconds
    double value = 0;
    std::string_view trace_id, span_id;  // raw bytes in the body
    OtlpRange attributes;                // into OtlpRequest::exemplar_attributes
};

// Parts of a request that take memory of their own however small they are: resources, scopes, metrics,
// points, exemplars, bounds and quantiles. No sender comes near it in the bytes that a body may have.
inline constexpr size_t kMostOtlpParts = 1 << 20;

struct OtlpRequest {
    SymbolTable keys;  // names of attributes, as sent
    // All other texts; label sets that are made of the request share it.
    std::shared_ptr<SymbolTable> texts = std::make_shared<SymbolTable>();
    std::vector<OtlpResource> resources;
    std::vector<OtlpScope> scopes;
    std::vector<OtlpMetric> metrics;
    std::vector<OtlpPoint> points;
    std::vector<OtlpAttribute> attributes;  // of points
    std::vector<OtlpHistogram> histograms;
    std::vector<OtlpExponential> exponentials;
    std::vector<OtlpSummary> summaries;
    std::vector<uint64_t> counts;
    std::vector<double> doubles;
    std::vector<OtlpExemplar> exemplars;
    std::vector<OtlpAttribute> exemplar_attributes;

    std::span<const OtlpAttribute> attributes_of(const OtlpPoint& p) const {
        return std::span(attributes).subspan(p.attributes.first, p.attributes.size());
    }
    std::span<const double> doubles_of(OtlpRange r) const {
        return std::span(doubles).subspan(r.first, r.size());
    }
    std::span<const uint64_t> counts_of(OtlpRange r) const {
        return std::span(counts).subspan(r.first, r.size());
    }
};

// Exemplars keep views of `body`. As protobuf's own runtimes do, of a field that comes twice the last one
// counts, repeated ones add up, unknown ones are passed over, and text that is not UTF-8 is refused.
// Throws DecodeError, and LimitError for more than kMostOtlpParts parts.
std::unique_ptr<OtlpRequest> decode_otlp(std::span<const uint8_t> body);

}  // namespace narthex
