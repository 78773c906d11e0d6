# weir_embed_page(<target>): the files of cli/page and the libraries of build/cache/page become a source of the target.
function(weir_embed_page target)
  set(libraries ${CMAKE_SOURCE_DIR}/build/cache/page)
  file(GLOB ours CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/page/*.js ${CMAKE_SOURCE_DIR}/cli/page/*.css
                                   ${CMAKE_SOURCE_DIR}/cli/page/*.svg)
  set(theirs ${libraries}/preact.js ${libraries}/licenses.txt)
  set(index ${CMAKE_SOURCE_DIR}/cli/page/index.html)
  set(pairs /=${index})
  foreach(file ${ours} ${theirs})
    get_filename_component(name ${file} NAME)
    list(APPEND pairs /assets/${name}=${file})
  endforeach()
  set(script ${CMAKE_SOURCE_DIR}/cmake/embed.py)
  set(out ${CMAKE_BINARY_DIR}/gen/embedded_files.cc)
  find_program(WEIR_PYTHON python3 REQUIRED)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${WEIR_PYTHON} ${script} ${out} ${pairs}
    DEPENDS ${script} ${index} ${ours} ${theirs}
    COMMENT "status page"
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
