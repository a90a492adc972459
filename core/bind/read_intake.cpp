#include "remote/read_intake.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind/buffers.h"
#include "bind/module.h"

using narthex::ReadIntake;

void bind_read_intake(nb::module_& m) {
    nb::class_<ReadIntake>(m, "ReadIntake")
        .def(
            "__init__",
            [](ReadIntake* self, std::vector<std::string> dropped, bool frames, size_t frame_limit,
               size_t limit, bool labels_only) {
                auto form = frames ? ReadIntake::Form::kFrames : ReadIntake::Form::kSamples;
                new (self) ReadIntake(form, std::move(dropped), {frame_limit, limit}, labels_only);
            },
            nb::arg("dropped"), nb::kw_only(), nb::arg("frames"), nb::arg("frame_limit"), nb::arg("limit"),
            nb::arg("labels_only"))
        .def(
            "feed",
            [](ReadIntake& intake, nb::object piece) {
                PyBufferView in(piece);
                nb::gil_scoped_release release;
                intake.feed(in.bytes());
            },
            nb::arg("piece"))
        .def("finish", [](ReadIntake& intake) {
            nb::gil_scoped_release release;
            return intake.finish();
        });
}
