# The Python package: installed as users do into an environment of its own, and its tests run there.
set(environment "${CMAKE_BINARY_DIR}/python")
set(script "${CMAKE_CURRENT_SOURCE_DIR}/scripts/python_package.sh")
add_test(NAME python.install COMMAND "${script}" install "${environment}")
set_tests_properties(python.install PROPERTIES FIXTURES_SETUP python SKIP_RETURN_CODE 77 COST 900)
add_test(NAME python.tests COMMAND "${script}" test "${environment}")
set_tests_properties(python.tests PROPERTIES FIXTURES_REQUIRED python SKIP_RETURN_CODE 77 COST 800)
