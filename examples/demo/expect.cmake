# Runs PROGRAM with ARGUMENTS; fails unless it ends with STATUS and says something that matches WORDS. What goes wrong
# must be one sentence on standard error, under the text of a region that is wrong, and nothing on standard output.
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(NOT status STREQUAL "${STATUS}")
  message(FATAL_ERROR "exit status ${status}, not ${STATUS}:\n${out}${err}")
endif()
if(NOT "${out}${err}" MATCHES "${WORDS}")
  message(FATAL_ERROR "does not say \"${WORDS}\":\n${out}${err}")
endif()
if(NOT STATUS EQUAL 0)
  if(NOT err MATCHES "^cppo_(demo|study_run): ([^\n]+|--region: \n  [^\n]+\n +\\^\n[^\n]+)\n$" OR NOT out STREQUAL "")
    message(FATAL_ERROR "not one sentence on standard error:\n${out}${err}")
  endif()
endif()
