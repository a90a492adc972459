# The web UI: ui/ (TypeScript, Vite) becomes narthex/web/static in the wheel. NARTHEX_UI chooses how:
#   auto      prebuilt in an sdist, else build when Node and npm are there, else off with a warning
#   build     npm ci and vite build; fails without Node and npm
#   prebuilt  takes ui/dist as it is
#   off       no UI; the server says so where the UI would be
if(NOT NARTHEX_BINDINGS OR NARTHEX_UI STREQUAL "off")
  return()
endif()

find_program(NODE_PROGRAM node)
find_program(NPM_PROGRAM npm)
set(ui_mode "${NARTHEX_UI}")
if(ui_mode STREQUAL "auto")
  if(EXISTS "${CMAKE_SOURCE_DIR}/ui/dist/index.html" AND NOT EXISTS "${CMAKE_SOURCE_DIR}/.git")
    set(ui_mode "prebuilt")
  elseif(NODE_PROGRAM AND NPM_PROGRAM)
    set(ui_mode "build")
  else()
    message(WARNING "Node and npm were not found: the package is built without its web UI")
    return()
  endif()
endif()

if(ui_mode STREQUAL "prebuilt")
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/ui/dist/" DESTINATION narthex/web/static)
  return()
endif()
if(NOT NODE_PROGRAM OR NOT NPM_PROGRAM)
  message(FATAL_ERROR "NARTHEX_UI=build needs Node 20.19 or newer and npm")
endif()

set(ui_source "${CMAKE_SOURCE_DIR}/ui")
# An editable install reads the package from src/, so the built files must lie there.
if(SKBUILD_STATE STREQUAL "editable")
  set(ui_output "${CMAKE_SOURCE_DIR}/src/narthex/web/static")
else()
  set(ui_output "${CMAKE_CURRENT_BINARY_DIR}/ui")
  install(DIRECTORY "${ui_output}/" DESTINATION narthex/web/static)
endif()

set(ui_modules "${ui_source}/node_modules/.narthex-installed")
add_custom_command(
  OUTPUT "${ui_modules}"
  COMMAND "${NPM_PROGRAM}" ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error
  COMMAND "${CMAKE_COMMAND}" -E touch "${ui_modules}"
  DEPENDS "${ui_source}/package.json" "${ui_source}/package-lock.json"
  WORKING_DIRECTORY "${ui_source}"
  COMMENT "Installing the web UI's packages"
  VERBATIM)
file(GLOB_RECURSE ui_files CONFIGURE_DEPENDS "${ui_source}/src/*")
add_custom_command(
  OUTPUT "${ui_output}/index.html"
  COMMAND "${NPM_PROGRAM}" run --silent build -- --outDir "${ui_output}" --emptyOutDir
  DEPENDS "${ui_modules}" ${ui_files} "${ui_source}/index.html" "${ui_source}/vite.config.ts" "${ui_source}/tsconfig.json"
  WORKING_DIRECTORY "${ui_source}"
  COMMENT "Building the web UI"
  VERBATIM)
add_custom_target(ui ALL DEPENDS "${ui_output}/index.html")
