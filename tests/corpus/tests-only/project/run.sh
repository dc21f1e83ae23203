#!/bin/sh
exec waitress-serve --port=8080 --call weather.app:create
