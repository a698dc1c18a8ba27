// Nothing of it is used where nothing is compiled for a device.
#pragma once
