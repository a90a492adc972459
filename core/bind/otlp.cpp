// OTLP metrics: a request as columns, and what storage is given of it.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/text.h"
#include "otlp/columns.h"
#include "otlp/delta_histograms.h"
#include "otlp/request.h"

using namespace narthex;

namespace {

// A request and the body that it looks into.
struct DecodedOtlp {
    std::unique_ptr<PyBufferView> body;
    std::unique_ptr<OtlpRequest> request;
};

std::unique_ptr<DecodedOtlp> decode(nb::object body) {
    auto out = std::make_unique<DecodedOtlp>();
    out->body = std::make_unique<PyBufferView>(body);
    auto bytes = out->body->bytes();
    nb::gil_scoped_release release;
    out->request = decode_otlp(bytes);
    return out;
}

nb::list attributes(const OtlpRequest& r, const std::vector<OtlpAttribute>& from) {
    nb::list out;
    for (OtlpAttribute a : from)
        out.append(nb::make_tuple(text(r.keys.get(a.key)), text(r.texts->get(a.value))));
    return out;
}

nb::list keys(const DecodedOtlp& d) {
    nb::list out;
    for (uint32_t i = 0; i < d.request->keys.size(); ++i) out.append(text(d.request->keys.get(i)));
    return out;
}

nb::list resources(const DecodedOtlp& d) {
    nb::list out;
    for (const auto& r : d.request->resources) out.append(attributes(*d.request, r.attributes));
    return out;
}

nb::list scopes(const DecodedOtlp& d) {
    nb::list out;
    const SymbolTable& texts = *d.request->texts;
    for (const auto& s : d.request->scopes) {
        out.append(nb::make_tuple(s.resource, text(texts.get(s.name)), text(texts.get(s.version)),
                                  text(texts.get(s.schema_url)), attributes(*d.request, s.attributes)));
    }
    return out;
}

nb::list metrics(const DecodedOtlp& d) {
    nb::list out;
    const SymbolTable& texts = *d.request->texts;
    for (const auto& m : d.request->metrics) {
        out.append(nb::make_tuple(text(texts.get(m.name)), text(texts.get(m.unit)),
                                  text(texts.get(m.description)), static_cast<uint8_t>(m.kind), m.temporality,
                                  m.monotonic, m.scope, m.points.size()));
    }
    return out;
}

using Metric = std::tuple<std::string, OtlpLabels, bool>;

OtlpColumns columns(const DecodedOtlp& d, std::vector<std::optional<std::string>> keys,
                    const std::vector<std::string>& ignored, std::vector<std::optional<Metric>> metrics,
                    std::vector<OtlpLabels> scopes, std::vector<std::pair<OtlpLabels, OtlpLabels>> resources,
                    bool join_collisions, bool custom_buckets, std::vector<std::string> identifying,
                    bool keep_identifying, int64_t target_info_every) {
    nb::gil_scoped_release release;
    OtlpPlan plan;
    for (auto& key : keys) {
        plan.keys.push_back({key ? OtlpKeyLabel::kLabel : OtlpKeyLabel::kInvalid, key.value_or("")});
    }
    for (const std::string& name : ignored) {
        uint32_t key = d.request->keys.find(name);
        if (key < plan.keys.size()) plan.keys[key].use = OtlpKeyLabel::kIgnored;
    }
    for (auto& metric : metrics) {
        plan.metrics.emplace_back();
        if (!metric) continue;
        auto& [name, labels, gauge] = *metric;
        plan.metrics.back() = OtlpPlan::Metric{std::move(name), std::move(labels), gauge};
    }
    plan.scopes = std::move(scopes);
    for (auto& [identity, promoted] : resources)
        plan.resources.push_back({std::move(identity), std::move(promoted)});
    plan.join_collisions = join_collisions;
    plan.custom_buckets = custom_buckets;
    plan.identifying = std::move(identifying);
    plan.keep_identifying = keep_identifying;
    plan.target_info_every = target_info_every;
    return make_otlp_columns(*d.request, plan);
}

nb::list collisions(const OtlpColumns& c, const DecodedOtlp& d) {
    nb::list out;
    for (const auto& collision : c.collisions) {
        nb::list names;
        for (uint32_t key : collision.keys) names.append(text(d.request->keys.get(key)));
        out.append(nb::make_tuple(text(d.request->texts->get(collision.label)), names));
    }
    return out;
}

// A column as it lies: the array keeps what holds it alive.
template <typename T>
nb::ndarray<nb::numpy, const T, nb::ndim<1>> column(const std::vector<T>& values) {
    return {values.data(), {values.size()}};
}

void bind_rows(nb::module_& m) {
    using Rows = OtlpColumns::Rows;
    nb::class_<Rows>(m, "OtlpRows")
        .def_prop_ro(
            "labels", [](const Rows& r) -> const LabelSets& { return r.labels; },
            nb::rv_policy::reference_internal)
        .def_prop_ro("times", [](const Rows& r) { return column(r.times); })
        .def_prop_ro("starts", [](const Rows& r) { return column(r.starts); })
        .def_prop_ro("metrics", [](const Rows& r) { return column(r.metrics); });
    using Exemplars = OtlpColumns::Exemplars;
    nb::class_<Exemplars>(m, "OtlpExemplars")
        .def_prop_ro("rows", [](const Exemplars& e) { return column(e.rows); })
        .def_prop_ro("times", [](const Exemplars& e) { return column(e.times); })
        .def_prop_ro("values", [](const Exemplars& e) { return column(e.values); })
        .def_prop_ro(
            "labels", [](const Exemplars& e) -> const LabelSets& { return e.labels; },
            nb::rv_policy::reference_internal);
}

template <typename T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::tuple convert(DeltaHistograms& totals, const In<uint64_t>& refs, const In<int64_t>& times,
                  const In<int64_t>& starts, const HistogramBatch& samples, const In<bool>& deltas) {
    size_t n = samples.size();
    if (refs.shape(0) != n || times.shape(0) != n || starts.shape(0) != n || deltas.shape(0) != n)
        throw nb::value_error("columns differ in length");
    DeltaHistograms::Totals made;
    {
        nb::gil_scoped_release release;
        made = totals.convert({refs.data(), n}, {times.data(), n}, {starts.data(), n}, samples,
                              {reinterpret_cast<const uint8_t*>(deltas.data()), n});
    }
    return nb::make_tuple(to_numpy(std::move(made.rows)), to_numpy(std::move(made.starts)),
                          std::move(made.batch));
}

}  // namespace

void bind_otlp(nb::module_& m) {
    bind_rows(m);
    nb::class_<OtlpColumns>(m, "OtlpColumns")
        .def_ro("floats", &OtlpColumns::floats)
        .def_ro("histograms", &OtlpColumns::histograms)
        .def_prop_ro("values", [](const OtlpColumns& c) { return column(c.values); })
        .def_ro("batch", &OtlpColumns::batch)
        .def_ro("exemplars", &OtlpColumns::exemplars)
        .def("collisions", &collisions, nb::arg("request"))
        .def_ro("invalid_labels", &OtlpColumns::invalid_labels)
        .def_ro("coarse", &OtlpColumns::coarse)
        .def_ro("empty_with_sum", &OtlpColumns::empty_with_sum);
    nb::class_<DeltaHistograms>(m, "DeltaHistograms")
        .def(nb::init<int64_t>(), nb::arg("silence_ms"))
        .def("__len__", &DeltaHistograms::size)
        .def("convert", &convert, nb::arg("refs"), nb::arg("times"), nb::arg("starts"), nb::arg("samples"),
             nb::arg("deltas"))
        .def("take", &DeltaHistograms::take, nb::call_guard<nb::gil_scoped_release>());
    nb::class_<DecodedOtlp>(m, "OtlpRequest")
        .def(nb::new_(&decode), nb::arg("body"))
        .def_prop_ro("points", [](const DecodedOtlp& d) { return d.request->points.size(); })
        .def("key_names", &keys)
        .def("resources", &resources)
        .def("scopes", &scopes)
        .def("metrics", &metrics)
        .def("columns", &columns, nb::kw_only(), nb::arg("keys"), nb::arg("ignored"), nb::arg("metrics"),
             nb::arg("scopes"), nb::arg("resources"), nb::arg("join_collisions"), nb::arg("custom_buckets"),
             nb::arg("identifying"), nb::arg("keep_identifying"), nb::arg("target_info_every"));
}
