#include "otlp/request.h"

#include <array>
#include <string>

#include "bytes/protobuf.h"
#include "bytes/utf8.h"
#include "otlp/any_value.h"

namespace narthex {

namespace {

// One walk over the body. A function reads one message; fields may come in any order, so what a message holds
// is put down when all of it is read.
class Decoder {
  public:
    explicit Decoder(OtlpRequest& out) : out_(out) {}

    void request(ProtoReader in) {
        while (in.next()) {
            if (in.field() == 1) {
                resource_metrics(in.message());
            } else {
                in.skip();
            }
        }
    }

  private:
    void part() {
        if (++parts_ > kMostOtlpParts) throw LimitError("the request has too many parts");
    }

    template <typename T>
    static uint32_t size(const std::vector<T>& column) {
        return static_cast<uint32_t>(column.size());
    }

    static uint32_t intern(SymbolTable& table, ProtoReader& in, std::string_view text) {
        uint32_t known = table.size(), id = table.intern(text);
        if (id == known && !is_utf8(text)) in.fail("text is not UTF-8");
        return id;
    }
    uint32_t text(ProtoReader& in) { return intern(*out_.texts, in, in.string()); }

    void resource_metrics(ProtoReader in) {
        part();
        auto resource = size(out_.resources);
        out_.resources.emplace_back();
        while (in.next()) {
            if (in.field() == 1) {
                attributes(in.message(), 1, out_.resources[resource].attributes);
            } else if (in.field() == 2) {
                scope_metrics(in.message(), resource);
            } else {
                in.skip();
            }
        }
    }

    // The key values in field `field` of a message of which nothing else matters.
    void attributes(ProtoReader in, uint32_t field, std::vector<OtlpAttribute>& to) {
        while (in.next()) {
            if (in.field() == field) {
                to.push_back(attribute(in.message()));
            } else {
                in.skip();
            }
        }
    }

    OtlpAttribute attribute(ProtoReader in) {
        OtlpAttribute a{out_.keys.intern({}), out_.texts->intern({})};
        while (in.next()) {
            if (in.field() == 1) {
                a.key = intern(out_.keys, in, in.string());
            } else if (in.field() == 2) {
                a.value = value(in.message());
            } else {
                in.skip();
            }
        }
        return a;
    }

    uint32_t value(ProtoReader in) {
        // Nearly all values are strings, alone in their message.
        ProtoReader first = in;
        if (first.next() && first.field() == 1 && first.type() == WireType::kBytes) {
            std::string_view string = first.string();
            ProtoReader rest = first;
            if (!rest.next()) return intern(*out_.texts, first, string);
        }
        made_.clear();
        append_any_value(in, made_);
        return out_.texts->intern(made_);
    }

    void scope_metrics(ProtoReader in, uint32_t resource) {
        part();
        auto scope = size(out_.scopes);
        out_.scopes.emplace_back();
        out_.scopes[scope].resource = resource;
        while (in.next()) {
            if (in.field() == 1) {
                instrumentation_scope(in.message(), out_.scopes[scope]);
            } else if (in.field() == 2) {
                metric(in.message(), scope);
            } else if (in.field() == 3) {
                out_.scopes[scope].schema_url = text(in);
            } else {
                in.skip();
            }
        }
    }

    void instrumentation_scope(ProtoReader in, OtlpScope& scope) {
        while (in.next()) {
            if (in.field() == 1) {
                scope.name = text(in);
            } else if (in.field() == 2) {
                scope.version = text(in);
            } else if (in.field() == 3) {
                scope.attributes.push_back(attribute(in.message()));
            } else {
                in.skip();
            }
        }
    }

    // By the field of a metric that it is in.
    using enum OtlpKind;
    static constexpr std::array kDataOf{kNone, kNone, kNone, kNone,      kNone,        kGauge,
                                        kNone, kSum,  kNone, kHistogram, kExponential, kSummary};

    void metric(ProtoReader in, uint32_t scope) {
        part();
        OtlpMetric m;
        m.scope = scope;
        m.points = {size(out_.points), size(out_.points)};
        while (in.next()) {
            uint32_t field = in.field();
            if (field == 1) {
                m.name = text(in);
            } else if (field == 2) {
                m.description = text(in);
            } else if (field == 3) {
                m.unit = text(in);
            } else if (field < kDataOf.size() && kDataOf[field] != kNone) {
                data(in.message(), kDataOf[field], m);
            } else {
                in.skip();
            }
        }
        out_.metrics.push_back(m);
    }

    void data(ProtoReader in, OtlpKind kind, OtlpMetric& m) {
        if (kind != m.kind) {  // another member of the oneof takes the place of the one before
            out_.points.resize(m.points.first);
            m.kind = kind;
            m.temporality = 0;
            m.monotonic = false;
        }
        bool aggregated = kind != kGauge && kind != kSummary;
        while (in.next()) {
            if (in.field() == 1) {
                point(in.message(), kind);
            } else if (in.field() == 2 && aggregated) {
                m.temporality = in.uint64();
            } else if (in.field() == 3 && kind == kSum) {
                m.monotonic = in.boolean();
            } else {
                in.skip();
            }
        }
        m.points.last = size(out_.points);
    }

    void point(ProtoReader in, OtlpKind kind) {
        part();
        OtlpPoint p;
        p.attributes.first = size(out_.attributes);
        p.exemplars.first = size(out_.exemplars);
        switch (kind) {
            case kHistogram:
                histogram(in, p);
                break;
            case kExponential:
                exponential(in, p);
                break;
            case kSummary:
                summary(in, p);
                break;
            default:
                number(in, p);
        }
        p.attributes.last = size(out_.attributes);
        p.exemplars.last = size(out_.exemplars);
        out_.points.push_back(p);
    }

    // Where the messages of points keep what they have in common, besides start (2) and time (3); 0: not at
    // all.
    struct PointFields {
        uint32_t attributes, exemplars, flags;
    };

    // Reads the current field if it is one that all points have.
    template <PointFields kAt>
    bool common(ProtoReader& in, OtlpPoint& p) {
        switch (in.field()) {
            case 2:
                p.start = in.fixed64();
                return true;
            case 3:
                p.time = in.fixed64();
                return true;
            case kAt.attributes:
                out_.attributes.push_back(attribute(in.message()));
                return true;
            case kAt.exemplars:
                exemplar(in.message());
                return true;
            case kAt.flags:
                p.no_value = (in.uint32() & 1) != 0;
                return true;
            default:
                return false;
        }
    }

    // The same for points that add up observations: their count (4) and sum (5), too.
    template <PointFields kAt>
    bool summed(ProtoReader& in, OtlpPoint& p, uint64_t& count) {
        if (in.field() == 4) {
            count = in.fixed64();
        } else if (in.field() == 5) {
            p.number = in.float64();
            p.has_sum = true;
        } else {
            return common<kAt>(in, p);
        }
        return true;
    }

    void number(ProtoReader in, OtlpPoint& p) {
        while (in.next()) {
            if (in.field() == 4) {
                p.number = in.float64();
            } else if (in.field() == 6) {
                p.number = static_cast<double>(in.sfixed64());
            } else if (!common<{.attributes = 7, .exemplars = 5, .flags = 8}>(in, p)) {
                in.skip();
            }
        }
    }

    void histogram(ProtoReader in, OtlpPoint& p) {
        OtlpHistogram h;
        h.buckets.first = size(out_.counts);
        h.bounds.first = size(out_.doubles);
        while (in.next()) {
            if (in.field() == 6) {
                in.each_fixed64([&](uint64_t n) { out_.counts.push_back(n); });
            } else if (in.field() == 7) {
                in.each_double([&](double bound) {
                    part();
                    out_.doubles.push_back(bound);
                });
            } else if (!summed<{.attributes = 9, .exemplars = 8, .flags = 10}>(in, p, h.count)) {
                in.skip();
            }
        }
        h.buckets.last = size(out_.counts);
        h.bounds.last = size(out_.doubles);
        p.detail = size(out_.histograms);
        out_.histograms.push_back(h);
    }

    void exponential(ProtoReader in, OtlpPoint& p) {
        OtlpExponential h;
        while (in.next()) {
            switch (in.field()) {
                case 6:
                    h.scale = in.sint32();
                    break;
                case 7:
                    h.zero_count = in.fixed64();
                    break;
                case 8:
                    buckets(in.message(), h.positive);
                    break;
                case 9:
                    buckets(in.message(), h.negative);
                    break;
                default:
                    if (!summed<{.attributes = 1, .exemplars = 11, .flags = 10}>(in, p, h.count)) in.skip();
            }
        }
        p.detail = size(out_.exponentials);
        out_.exponentials.push_back(h);
    }

    void buckets(ProtoReader in, OtlpExponential::Buckets& to) {
        // A second message adds to the first, which need not be the newest of the column.
        OtlpRange before = to.counts;
        to.counts.first = size(out_.counts);
        for (uint32_t i = before.first; i < before.last; ++i) out_.counts.push_back(uint64_t{out_.counts[i]});
        while (in.next()) {
            if (in.field() == 1) {
                to.offset = in.sint32();
            } else if (in.field() == 2) {
                in.each_uint64([&](uint64_t n) { out_.counts.push_back(n); });
            } else {
                in.skip();
            }
            if (out_.counts.size() > kMostCounts) throw LimitError("the request has too many buckets");
        }
        to.counts.last = size(out_.counts);
    }

    void summary(ProtoReader in, OtlpPoint& p) {
        OtlpSummary s;
        s.quantiles.first = size(out_.doubles);
        while (in.next()) {
            if (in.field() == 6) {
                quantile(in.message());
            } else if (!summed<{.attributes = 7, .exemplars = 0, .flags = 8}>(in, p, s.count)) {
                in.skip();
            }
        }
        s.quantiles.last = size(out_.doubles);
        p.detail = size(out_.summaries);
        out_.summaries.push_back(s);
    }

    void quantile(ProtoReader in) {
        part();
        double quantile = 0, value = 0;
        while (in.next()) {
            if (in.field() == 1) {
                quantile = in.float64();
            } else if (in.field() == 2) {
                value = in.float64();
            } else {
                in.skip();
            }
        }
        out_.doubles.push_back(quantile);
        out_.doubles.push_back(value);
    }

    void exemplar(ProtoReader in) {
        part();
        OtlpExemplar e;
        e.attributes.first = size(out_.exemplar_attributes);
        while (in.next()) {
            if (in.field() == 2) {
                e.time = in.fixed64();
            } else if (in.field() == 3) {
                e.value = in.float64();
            } else if (in.field() == 4) {
                e.span_id = in.string();
            } else if (in.field() == 5) {
                e.trace_id = in.string();
            } else if (in.field() == 6) {
                e.value = static_cast<double>(in.sfixed64());
            } else if (in.field() == 7) {
                out_.exemplar_attributes.push_back(attribute(in.message()));
            } else {
                in.skip();
            }
        }
        e.attributes.last = size(out_.exemplar_attributes);
        out_.exemplars.push_back(e);
    }

    // A bucket takes a byte in the body and eight here.
    static constexpr size_t kMostCounts = size_t{1} << 25;

    OtlpRequest& out_;
    std::string made_;
    size_t parts_ = 0;
};

}  // namespace

std::unique_ptr<OtlpRequest> decode_otlp(std::span<const uint8_t> body) {
    auto out = std::make_unique<OtlpRequest>();
    out->texts->intern({});  // symbol 0: texts that were not sent
    out->keys.intern({});
    Decoder(*out).request(ProtoReader(body));
    return out;
}

}  // namespace narthex
