#include "otlp/request.h"

#include <limits>
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

    void metric(ProtoReader in, uint32_t scope) {
        part();
        OtlpMetric m;
        m.scope = scope;
        m.points = {size(out_.points), size(out_.points)};
        while (in.next()) {
            switch (in.field()) {
                case 1:
                    m.name = text(in);
                    break;
                case 2:
                    m.description = text(in);
                    break;
                case 3:
                    m.unit = text(in);
                    break;
                case 5:
                    data(in.message(), OtlpKind::kGauge, m);
                    break;
                case 7:
                    data(in.message(), OtlpKind::kSum, m);
                    break;
                case 9:
                    data(in.message(), OtlpKind::kHistogram, m);
                    break;
                case 10:
                    data(in.message(), OtlpKind::kExponential, m);
                    break;
                case 11:
                    data(in.message(), OtlpKind::kSummary, m);
                    break;
                default:
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
        bool aggregated = kind != OtlpKind::kGauge && kind != OtlpKind::kSummary;
        while (in.next()) {
            if (in.field() == 1) {
                point(in.message(), kind);
            } else if (in.field() == 2 && aggregated) {
                m.temporality = in.uint64();
            } else if (in.field() == 3 && kind == OtlpKind::kSum) {
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
            case OtlpKind::kHistogram:
                histogram(in, p);
                break;
            case OtlpKind::kExponential:
                exponential(in, p);
                break;
            case OtlpKind::kSummary:
                summary(in, p);
                break;
            default:
                number(in, p);
        }
        p.attributes.last = size(out_.attributes);
        p.exemplars.last = size(out_.exemplars);
        out_.points.push_back(p);
    }

    void point_attribute(ProtoReader& in) { out_.attributes.push_back(attribute(in.message())); }
    static bool no_value(ProtoReader& in) { return (in.uint32() & 1) != 0; }

    void number(ProtoReader in, OtlpPoint& p) {
        while (in.next()) {
            switch (in.field()) {
                case 2:
                    p.start = in.fixed64();
                    break;
                case 3:
                    p.time = in.fixed64();
                    break;
                case 4:
                    p.number = in.float64();
                    break;
                case 5:
                    exemplar(in.message());
                    break;
                case 6:
                    p.number = static_cast<double>(in.sfixed64());
                    break;
                case 7:
                    point_attribute(in);
                    break;
                case 8:
                    p.no_value = no_value(in);
                    break;
                default:
                    in.skip();
            }
        }
    }

    void histogram(ProtoReader in, OtlpPoint& p) {
        OtlpHistogram h;
        h.buckets.first = size(out_.counts);
        h.bounds.first = size(out_.doubles);
        while (in.next()) {
            switch (in.field()) {
                case 2:
                    p.start = in.fixed64();
                    break;
                case 3:
                    p.time = in.fixed64();
                    break;
                case 4:
                    h.count = in.fixed64();
                    break;
                case 5:
                    p.number = in.float64();
                    p.has_sum = true;
                    break;
                case 6:
                    in.each_fixed64([&](uint64_t n) { out_.counts.push_back(n); });
                    break;
                case 7:
                    in.each_double([&](double bound) {
                        part();
                        out_.doubles.push_back(bound);
                    });
                    break;
                case 8:
                    exemplar(in.message());
                    break;
                case 9:
                    point_attribute(in);
                    break;
                case 10:
                    p.no_value = no_value(in);
                    break;
                default:
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
                case 1:
                    point_attribute(in);
                    break;
                case 2:
                    p.start = in.fixed64();
                    break;
                case 3:
                    p.time = in.fixed64();
                    break;
                case 4:
                    h.count = in.fixed64();
                    break;
                case 5:
                    p.number = in.float64();
                    p.has_sum = true;
                    break;
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
                case 10:
                    p.no_value = no_value(in);
                    break;
                case 11:
                    exemplar(in.message());
                    break;
                default:
                    in.skip();
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
            switch (in.field()) {
                case 2:
                    p.start = in.fixed64();
                    break;
                case 3:
                    p.time = in.fixed64();
                    break;
                case 4:
                    s.count = in.fixed64();
                    break;
                case 5:
                    p.number = in.float64();
                    break;
                case 6:
                    quantile(in.message());
                    break;
                case 7:
                    point_attribute(in);
                    break;
                case 8:
                    p.no_value = no_value(in);
                    break;
                default:
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
            switch (in.field()) {
                case 2:
                    e.time = in.fixed64();
                    break;
                case 3:
                    e.value = in.float64();
                    break;
                case 4:
                    e.span_id = in.string();
                    break;
                case 5:
                    e.trace_id = in.string();
                    break;
                case 6:
                    e.value = static_cast<double>(in.sfixed64());
                    break;
                case 7:
                    out_.exemplar_attributes.push_back(attribute(in.message()));
                    break;
                default:
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
