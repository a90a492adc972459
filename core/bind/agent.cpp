#include "head/agent.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bind/arrays.h"
#include "bind/module.h"
#include "bind/transaction.h"

using namespace narthex;

void bind_agent(nb::module_& m) {
    nb::class_<AgentTransaction> transaction(m, "AgentTransaction");
    bind_transaction_methods(transaction);
    // An agent's log holds no metadata, as the peer's: it is taken and forgotten.
    transaction.def(
        "append_metadata",
        [](AgentTransaction&, const AppendColumn<uint64_t>& refs, nb::handle) {
            return to_numpy(std::vector<uint8_t>(refs.shape(0)));
        },
        nb::arg("refs"), nb::arg("metadata"));
    transaction.def_prop_ro("exemplars", &AgentTransaction::exemplars);
    nb::class_<AgentStats>(m, "AgentCounts")
        .def_ro("series", &AgentStats::series)
        .def_ro("created", &AgentStats::created)
        .def_ro("removed", &AgentStats::removed)
        .def_ro("out_of_order", &AgentStats::out_of_order);
    nb::class_<Agent> agent(m, "Agent");
    agent
        .def(
            "__init__",
            [](Agent* self, int64_t window, bool store_starts, bool start_zeros) {
                new (self) Agent(window, store_starts, start_zeros);
            },
            nb::arg("out_of_order_window") = 0, nb::arg("store_starts") = false,
            nb::arg("start_zeros") = false)
        .def(
            "series", [](Agent& a, const std::vector<TextPair>& pairs) { return a.series(std::span(pairs)); },
            nb::arg("pairs"))
        .def(
            "series_many",
            [](Agent& a, const LabelSets& sets) {
                std::vector<uint64_t> refs;
                {
                    nb::gil_scoped_release release;
                    refs = a.series(sets);
                }
                return to_numpy(std::move(refs));
            },
            nb::arg("label_sets"))
        .def("transaction", [](std::shared_ptr<Agent> a) { return AgentTransaction(std::move(a)); })
        .def("counts", &Agent::stats)
        .def(
            "truncate",
            [](Agent& a, int64_t mint) {
                std::vector<uint64_t> refs;
                {
                    nb::gil_scoped_release release;
                    refs = a.truncate(mint);
                }
                return to_numpy(std::move(refs));
            },
            nb::arg("mint"))
        .def("refs", [](const Agent& a) { return to_numpy(a.refs()); });
    bind_segment_methods(agent);
}
