#!/usr/bin/env python2
# fills the table once; was run in 2014
import psycopg2
import urllib2

for line in urllib2.urlopen("http://old.example.org/rows"):
    print "row", line
    psycopg2.connect("old").cursor().execute("insert into rows values (%s)", line)
