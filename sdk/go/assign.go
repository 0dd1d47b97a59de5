package ebpf

import (
	"fmt"
	"reflect"
	"strings"
)

var kinds = map[reflect.Type]string{
	reflect.TypeFor[*Map](): "map", reflect.TypeFor[*Program](): "program", reflect.TypeFor[*Variable](): "variable",
	reflect.TypeFor[*MapSpec](): "map", reflect.TypeFor[*ProgramSpec](): "program", reflect.TypeFor[*VariableSpec](): "variable",
}

// LoadAndAssign loads the spec and puts its maps, programs and variables into the fields of a struct that are tagged with their
// names, as bpf2go makes them. The object is freed when all of these maps and programs were closed.
func (s *CollectionSpec) LoadAndAssign(to any, opts *CollectionOptions) error {
	c, err := NewCollection(s)
	if err != nil {
		return err
	}
	if err := c.Assign(to); err != nil {
		c.Close()
		return err
	}
	c.count(to)
	return nil
}

// count has the object freed with the last map and program that a struct was given.
func (c *Collection) count(to any) {
	_ = assignFields(reflect.ValueOf(to).Elem(), func(t reflect.Type, name string) any {
		switch t {
		case reflect.TypeFor[*Map]():
			m := c.Maps[name]
			if !m.isCounted {
				m.isCounted = true
				c.loaded.nrOpen++
			}
			return m
		case reflect.TypeFor[*Program]():
			p := c.Programs[name]
			if !p.isCounted {
				p.isCounted = true
				c.loaded.nrOpen++
			}
			return p
		}
		return c.Variables[name]
	})
}

// Assign puts specs into the tagged fields of a struct.
func (s *CollectionSpec) Assign(to any) error {
	return assign(to, func(t reflect.Type, name string) any {
		switch t {
		case reflect.TypeFor[*MapSpec]():
			return s.Maps[name]
		case reflect.TypeFor[*ProgramSpec]():
			return s.Programs[name]
		}
		return s.Variables[name]
	})
}

// Assign puts maps, programs and variables into the tagged fields of a struct.
func (c *Collection) Assign(to any) error {
	return assign(to, func(t reflect.Type, name string) any {
		switch t {
		case reflect.TypeFor[*Map]():
			return c.Maps[name]
		case reflect.TypeFor[*Program]():
			return c.Programs[name]
		}
		return c.Variables[name]
	})
}

func assign(to any, find func(reflect.Type, string) any) error {
	target := reflect.ValueOf(to)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("assign: %T is no pointer to a struct", to)
	}
	return assignFields(target.Elem(), find)
}

func assignFields(target reflect.Value, find func(reflect.Type, string) any) error {
	for i := range target.NumField() {
		field := target.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("ebpf"), ",")
		kind := kinds[field.Type]
		switch {
		case name != "" && kind != "":
			found := reflect.ValueOf(find(field.Type, name))
			if found.IsNil() {
				return fmt.Errorf("field %s: the object has no %s %s", field.Name, kind, name)
			}
			target.Field(i).Set(found)
		case name != "":
			return fmt.Errorf("field %s: %s is no map, program or variable", field.Name, field.Type)
		case field.Type.Kind() == reflect.Struct:
			if err := assignFields(target.Field(i), find); err != nil {
				return err
			}
		}
	}
	return nil
}
