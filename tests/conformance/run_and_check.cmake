# Runs vector_runner on one file of vectors, then the checker on what it wrote; fails where either does, or where
# another number of cases than `unsupported` went without an answer.
execute_process(COMMAND "${runner}" ${arguments} --vectors "${vectors}" --results "${results}" RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "vector_runner: exit status ${code}")
endif()
execute_process(COMMAND "${python}" "${checker}" --complete "${vectors}" "${results}"
                RESULT_VARIABLE code OUTPUT_VARIABLE said ECHO_OUTPUT_VARIABLE)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "check_vectors.py: exit status ${code}")
endif()
if(NOT said MATCHES "\\(0 absent, ${unsupported} unsupported,")
  message(FATAL_ERROR "expected every case to be answered, and ${unsupported} as unsupported")
endif()
